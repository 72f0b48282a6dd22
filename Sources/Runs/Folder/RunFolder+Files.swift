import Files
import Foundation

extension RunFolder {
    /// The folder of a cell's artifacts.
    public func artifactsFolder(of cell: Cell) -> String {
        "\(path)/\(Names.artifacts)" + (plan.cells.count > 1 ? "/\(cell.name)" : "")
    }

    /// The bytes of a cell's artifacts that an earlier process wrote.
    public func artifactBytes(of cell: Cell) -> Int {
        let folder = artifactsFolder(of: cell)
        guard let files = FileManager.default.enumerator(atPath: folder) else { return 0 }
        var sum = 0
        while let name = files.nextObject() as? String {
            var status = stat()
            guard lstat("\(folder)/\(name)", &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
            sum += Int(status.st_size)
        }
        return sum
    }

    /// The path of a file that a script wants to write: below `artifacts`, and in a sweep below the cell's name there, or
    /// in the folder `sweep` where the cell is nil and the file all cells'. Folders on the way are made.
    /// - Throws: `RunsError.usage` for an absolute name, `..`, or a name that leads through a link.
    public func artifact(_ name: String, cell: Cell?) throws -> String {
        func wrong(_ message: String) -> RunsError { .usage(operation: "artifact", message: "`\(name)` \(message)") }
        let parts = name.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard !name.hasPrefix("/") else { throw wrong("must be relative to the run folder") }
        guard !name.isEmpty, name.utf8.count <= 1024, !name.utf8.contains(0), !parts.contains(""),
            parts.allSatisfy({ $0.utf8.count <= 255 })
        else { throw wrong("is no name for a file") }
        guard !parts.contains("..") && !parts.contains(".") else { throw wrong("must not hold `.` or `..`") }
        var current = path
        let folders = [Names.artifacts] + (plan.cells.count > 1 ? [cell?.name ?? "sweep"] : []) + parts
        for (index, part) in folders.enumerated() {
            current += "/" + part
            var status = stat()
            let isThere = lstat(current, &status) == 0
            if isThere && status.st_mode & S_IFMT == S_IFLNK { throw wrong("leads through the link \(current)") }
            let isFolder = isThere && status.st_mode & S_IFMT == S_IFDIR
            if index == folders.count - 1 {
                if isFolder { throw wrong("is a folder") }
            } else if !isThere {
                guard mkdir(current, 0o755) == 0 || errno == EEXIST else {
                    throw FileError.unwritable(path: current, reason: String(cString: strerror(errno)))
                }
            } else if !isFolder {
                throw wrong("leads through the file \(current)")
            }
        }
        if let cell { _ = lock.withLock { asked[cell.name, default: []].insert(name) } }
        return current
    }

    /// Notes which artifacts a cell has that is done, so that one which is removed later is missed.
    /// - Throws: `RunsError.folder` where one is gone that the cell had before, and has not made again.
    func noteArtifacts(of cell: Cell) throws {
        let missing = missingArtifacts(of: cell)
        if let first = missing.first {
            let others = missing.count > 1 ? " (and \(missing.count - 1) more)" : ""
            throw RunsError.folder(
                path: "\(artifactsFolder(of: cell))/\(first)",
                message:
                    "this file of the run is gone\(others), and the run does not make it again; repeat it in a folder "
                    + "of its own: chexgen run \(path)/\(Names.config)")
        }
        let new = (asked[cell.name] ?? []).subtracting(made[cell.name] ?? [])
        let there = new.filter { isThere($0, of: cell) }.sorted()
        // One record holds at most so many names that it stays well below the journal's limit.
        for start in stride(from: 0, to: there.count, by: 10_000) {
            let names = there[start..<min(start + 10_000, there.count)]
            try journal.append(
                .object([
                    ("kind", .string("artifacts")), ("cell", .string(cell.name)),
                    ("names", .array(names.map { .string($0) })),
                ]))
        }
        made[cell.name, default: []].formUnion(there)
    }

    /// Has cells run again that were done, and of whose artifacts some are gone.
    func reopenIncompleteCells() throws {
        for cell in plan.cells where state(of: cell) == .done {
            let missing = missingArtifacts(of: cell)
            guard let first = missing.first else { continue }
            let others = missing.count > 1 ? " and \(missing.count - 1) more files are" : " is"
            log("\(artifactsFolder(of: cell))/\(first)\(others) gone: what makes the run's files is run again")
            try set(.interrupted, of: cell)
        }
    }

    private func missingArtifacts(of cell: Cell) -> [String] {
        (made[cell.name] ?? []).filter { !isThere($0, of: cell) }.sorted()
    }

    private func isThere(_ name: String, of cell: Cell) -> Bool {
        RunFolder.exists("\(artifactsFolder(of: cell))/\(name)")
    }

    /// Takes up a record of artifacts of the journal; false where it has no sense.
    func replayArtifacts(_ record: JSON, cell: String) -> Bool {
        guard case .array(let names)? = record["names"] else { return false }
        for name in names {
            guard let name = name.string else { return false }
            made[cell, default: []].insert(name)
        }
        return true
    }

    /// The SHA-256 of a file that the run reads, such as weights, a table or a module, which becomes a pin of the run. A file
    /// is hashed once as long as its size, time and inode stay. What the run wrote is its own and no input.
    /// - Throws: `RunsError.pin` where the run is pinned to another file; `FileError`.
    @discardableResult public func pin(file: String) throws -> String {
        if isOwn(Paths.absolute(file)) { return try SHA256.hex(file: file) }
        let pin = try pins.pin(file: file)
        if pin.isNew { try note(pin.path, pin.sha256) }
        return pin.sha256
    }

    /// Pins a file that a script opens; nothing is read of one that is the run's own.
    /// - Throws: as `pin(file:)`.
    public func pin(input path: String) throws {
        if !isOwn(Paths.absolute(path)) { try pin(file: path) }
    }

    /// Notes files, or folders with all in them, that are the run's own from now on, also after it was stopped.
    /// - Throws: `FileError` where the journal cannot be written.
    public func own(_ paths: [String]) throws {
        try lock.withLock {
            let new = paths.compactMap { written.add($0) }
            // One record holds at most so many paths that it stays well below the journal's limit.
            for start in stride(from: 0, to: new.count, by: 2000) {
                try journal.append(WrittenPaths.record(Array(new[start..<min(start + 2000, new.count)])))
            }
        }
    }

    /// Pins a file whose hash is known from the bytes that were used.
    /// - Throws: `RunsError.pin` where the run is pinned to another file; `FileError`.
    public func pin(file: String, sha256: String) throws {
        let path = Paths.absolute(file)
        if isOwn(path) { return }
        if try pins.add(path, sha256) { try note(path, sha256) }
    }

    /// Pins which files a folder was found to have, by the hash of their list; `pattern` is that of the search.
    /// - Throws: `RunsError.pin` where the run is pinned to another list; `FileError`.
    public func pin(listing sha256: String, of folder: String, pattern: String?) throws {
        let path = Pins.listing(of: Paths.absolute(folder), pattern: pattern)
        if isOwn(path) { return }
        if try pins.add(path, sha256) { try note(path, sha256) }
    }

    private func note(_ path: String, _ hash: String) throws {
        try lock.withLock { try journal.append(RunFolder.pinRecord([(path, hash)], under: nil)) }
    }

    /// Pins files of a set, such as images, whose hashes are known from the bytes that were used. All files of a set
    /// below one folder make one pin in `run.yaml`. Give them in batches: each call is one record of the journal.
    /// - Throws: `RunsError.pin` where the run is pinned to another file; `FileError`.
    public func pin(files: [(path: String, sha256: String)], under root: String) throws {
        let root = Paths.absolute(root)
        let files = files.filter { !isOwn(Paths.absolute($0.path)) }
        // One record holds at most so many files that it stays well below the journal's limit.
        for start in stride(from: 0, to: files.count, by: 2000) {
            let new = try pins.add(Array(files[start..<min(start + 2000, files.count)]), under: root)
            if !new.isEmpty { try lock.withLock { try journal.append(RunFolder.pinRecord(new, under: root)) } }
        }
    }

    static func pinRecord(_ files: [(path: String, sha256: String)], under root: String?) -> JSON {
        .object([
            ("kind", .string("pins")), ("root", root.map { .string($0) } ?? .null),
            ("files", .object(files.map { (key: $0.path, value: .string($0.sha256)) })),
        ])
    }

    /// The files of a pin record.
    static func pinned(_ record: JSON) -> [(path: String, sha256: String)] {
        guard case .object(let files)? = record["files"] else { return [] }
        return files.compactMap { file in
            guard case .string(let hash) = file.value else { return nil }
            return (file.key, hash)
        }
    }
}
