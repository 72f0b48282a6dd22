import Files
import Foundation

/// The files that a run read, with their SHA-256, and those that it must find unchanged.
///
/// Single files are pinned one by one. Files of an image set are pinned together, below their folder: `run.yaml` then
/// holds one hash for the folder, that of a manifest which lies in the run folder's `manifests`.
public final class Pins: @unchecked Sendable {
    private let lock = NSLock()
    private let hashes = FileHashes()
    /// What must be found, by absolute path.
    private var expected: [String: String] = [:]
    /// Folders whose files are all listed in a manifest that was found.
    private var closed: [String: Set<String>] = [:]
    /// Folders whose manifest is not at hand: only its hash can be compared, at the end.
    private var expectedFolders: [String: String] = [:]
    private var files: [String: String] = [:]
    private var folders: [String: Manifest] = [:]

    /// The pins of a config, and manifests that lie beside it.
    ///
    /// The `run.yaml` of a run that did not finish holds only some of an image folder's files, so that only files that
    /// it names are compared; after a finished run a file that it does not name is an error, too.
    /// - Throws: `RunsError.pin` or `FileError` where a manifest is damaged.
    public init(config: RunConfig) throws {
        let isFinished = config.provenance["finished"] != .boolean(false)
        for (path, hash) in config.pins {
            guard path.hasSuffix("/") else {
                expected[path] = hash
                continue
            }
            let root = String(path.dropLast())
            let manifests = Paths.folder(config.path) + "/" + Pins.manifestFolder
            let file = "\(manifests)/\(Pins.manifestName(root: root, sha256: hash))"
            guard let text = try? FileReader.text(file, limit: 1 << 30) else {
                if isFinished { expectedFolders[root] = hash }
                continue
            }
            guard SHA256.hex(of: text) == hash else {
                throw RunsError.pin(path: file, pinned: hash, found: SHA256.hex(of: text))
            }
            let manifest = try Manifest(text, name: file)
            if isFinished { closed[root] = Set(manifest.hashes.keys) }
            for (name, hash) in manifest.hashes { expected[Paths.absolute(name, from: root)] = hash }
        }
    }

    static let manifestFolder = "manifests"

    static func manifestName(root: String, sha256: String) -> String {
        "\(Paths.name(root))-\(sha256.prefix(12)).sha256"
    }

    /// What stands for the list of a folder's files among the pins: `FOLDER/**`, with the pattern of the search behind it.
    static func listing(of folder: String, pattern: String?) -> String {
        Paths.joined(folder, "**") + (pattern.map { "/" + $0 } ?? "")
    }

    /// Whether a pin is that of a list of files, which is compared when the folder is read.
    static func isListing(_ path: String) -> Bool { path.contains("/**") }

    /// Reads every file that is pinned and compares; lists of files are compared by who makes them.
    /// - Throws: `RunsError.pin` with the first, by path, that is missing or another one.
    public func verify() throws {
        let all = lock.withLock { expected }
        for (path, hash) in all.sorted(by: { $0.key < $1.key }) where !Pins.isListing(path) {
            do {
                _ = try compared(path, try hashes.sha256(path), with: hash)
            } catch FileError.missing {
                throw RunsError.pin(path: path, pinned: hash, found: "no such file")
            }
        }
    }

    /// The hash of a file, which becomes a pin. It is computed once for each state of the file.
    /// - Throws: `FileError`; `RunsError.pin` where the run is pinned to another file.
    func pin(file path: String) throws -> (path: String, sha256: String, isNew: Bool) {
        let path = Paths.absolute(path)
        let hash = try hashes.sha256(path)
        return (path, hash, try add(path, hash))
    }

    /// Adds a file's hash, known from the bytes that were used; returns whether it is new.
    func add(_ path: String, _ hash: String) throws -> Bool {
        try lock.withLock {
            if let pinned = expected[path] { _ = try compared(path, hash, with: pinned) }
            if let earlier = files[path] {
                _ = try compared(path, hash, with: earlier)
                return false
            }
            files[path] = hash
            return true
        }
    }

    /// Adds files of a set below a folder; returns those that are new.
    func add(_ entries: [(path: String, sha256: String)], under root: String) throws -> [(path: String, sha256: String)]
    {
        let prefix = root.hasSuffix("/") ? root : root + "/"
        return try lock.withLock {
            var new: [(path: String, sha256: String)] = []
            var manifest = folders[root] ?? Manifest()
            for (path, hash) in entries {
                let path = Paths.absolute(path)
                let name = path.hasPrefix(prefix) ? String(path.dropFirst(prefix.count)) : path
                if let pinned = expected[path] { _ = try compared(path, hash, with: pinned) }
                if let earlier = manifest.hashes[name] {
                    _ = try compared(path, hash, with: earlier)
                    continue
                }
                if let known = closed[root], !known.contains(name) {
                    throw RunsError.pin(path: path, pinned: "no file of this name", found: hash)
                }
                manifest.hashes[name] = hash
                new.append((path, hash))
            }
            folders[root] = manifest
            return new
        }
    }

    /// From now on a file must have this hash, as an earlier part of the run read it.
    func expect(_ path: String, _ hash: String) {
        lock.withLock { expected[path] = hash }
    }

    /// Expects nothing any more of what the run itself has written: it may have read a file before it wrote over it.
    func release(_ written: WrittenPaths) {
        lock.withLock { expected = expected.filter { !written.contains($0.key) } }
    }

    /// Expects nothing of what an earlier process of a run wrote, whose folder this is.
    /// - Throws: `FileError`; `RunsError.folder` where its journal is damaged.
    public func releaseWritten(by run: String) throws {
        let journal = Paths.joined(run, RunFolder.Names.journal)
        // What is no run's folder is told when it is opened.
        if RunFolder.exists(journal) { release(WrittenPaths(try Journal.read(journal))) }
    }

    private func compared(_ path: String, _ hash: String, with pinned: String) throws -> String {
        guard hash == pinned else { throw RunsError.pin(path: path, pinned: pinned, found: hash) }
        return hash
    }

    /// All pins for `run.yaml`, and the manifests that they stand for, sorted by path.
    var all: (pins: [(path: String, sha256: String)], manifests: [(name: String, text: String)]) {
        lock.withLock {
            var pins = files.map { (path: $0.key, sha256: $0.value) }
            var manifests: [(name: String, text: String)] = []
            for (root, manifest) in folders.sorted(by: { $0.key < $1.key }) where !manifest.hashes.isEmpty {
                let text = manifest.text
                let hash = SHA256.hex(of: text)
                pins.append((path: root + "/", sha256: hash))
                manifests.append((Pins.manifestName(root: root, sha256: hash), text))
            }
            return (pins.sorted { $0.path < $1.path }, manifests)
        }
    }

    /// Compares the folders whose manifest was not at hand, when all of their files were read.
    /// - Throws: `RunsError.pin` that names the folder.
    func verifyFolders() throws {
        let (wanted, found) = lock.withLock { (expectedFolders, folders) }
        for (root, hash) in wanted.sorted(by: { $0.key < $1.key }) {
            guard let manifest = found[root] else { continue }
            _ = try compared(root + "/", manifest.sha256, with: hash)
        }
    }
}
