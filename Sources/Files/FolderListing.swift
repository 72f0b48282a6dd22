import Foundation

/// The regular files below a folder, links followed, in one order whatever the file system's own is.
public enum FolderListing {
    /// The most files that a listing holds.
    public static let limit = 1_000_000
    /// The deepest nesting of folders.
    static let depthLimit = 64

    /// The files' paths below a folder, sorted by their bytes. Names that begin with a point are passed over.
    /// - Parameters:
    ///   - limit: the most wanted files; ten times as many names are looked at.
    ///   - check: is called now and then; what it throws ends the listing.
    ///   - wanted: whether the file of a path below the folder is listed.
    /// - Throws: `FileError` where a folder on the way is missing, may not be read, leads back to one that it lies in, or is
    ///   nested too deep; where a name is no UTF-8; where there are more files than the limit.
    public static func files(
        below root: String, limit: Int = limit, check: () throws -> Void = {}, where wanted: (String) -> Bool
    ) throws -> [String] {
        var walk = Walk(root: root, limit: limit)
        try walk.visit("", check, wanted)
        return walk.found.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    private struct Folder: Equatable {
        let device: dev_t
        let inode: ino_t
    }

    private struct Walk {
        let root: String
        let limit: Int
        var found: [String] = []
        private var seen = 0
        /// The folders that the current one lies in, and itself.
        private var above: [(folder: Folder, path: String)] = []

        init(root: String, limit: Int) {
            self.root = root
            self.limit = limit
        }

        /// Lists a folder of the root, whose own path is empty.
        mutating func visit(_ path: String, _ check: () throws -> Void, _ wanted: (String) -> Bool) throws {
            let place = path.isEmpty ? root : Paths.joined(root, path)
            let (folder, names) = try read(place, check)
            if let first = above.first(where: { $0.folder == folder }) {
                throw FileError.unreadable(
                    path: place, reason: "it leads back to \(first.path), which it lies in: remove the link")
            }
            guard above.count < FolderListing.depthLimit else {
                throw FileError.unreadable(
                    path: place, reason: "folders are nested more than \(FolderListing.depthLimit) deep")
            }
            above.append((folder, place))
            defer { above.removeLast() }
            for name in names {
                let file = path.isEmpty ? name : path + "/" + name
                var status = stat()
                let full = Paths.joined(root, file)
                guard stat(full, &status) == 0 else {
                    let code = errno
                    // A link that leads nowhere is a file that is missing, where it is named like one.
                    if code == ENOENT, !wanted(file) { continue }
                    let what = code == ENOENT ? "a link that leads nowhere" : systemMessage(code)
                    throw FileError.unreadable(path: full, reason: what)
                }
                switch status.st_mode & S_IFMT {
                case S_IFDIR: try visit(file, check, wanted)
                case S_IFREG where wanted(file):
                    guard found.count < limit else {
                        throw FileError.unreadable(
                            path: root,
                            reason: "more than the limit of \(limit) files lie below it: name a folder of fewer")
                    }
                    found.append(file)
                default: continue
                }
            }
        }

        /// The names in a folder, whose descriptor says which one it is.
        private mutating func read(_ path: String, _ check: () throws -> Void) throws -> (Folder, [String]) {
            func failed(_ code: Int32) -> FileError {
                if code == ENOENT { return .unreadable(path: path, reason: "there is no such folder") }
                if code == ENOTDIR { return .unreadable(path: path, reason: "it is a file, and a folder is wanted") }
                return .unreadable(path: path, reason: "the folder cannot be opened: \(systemMessage(code))")
            }
            guard !path.isEmpty, !path.utf8.contains(0) else {
                throw FileError.unreadable(path: path, reason: "this is no path of a folder")
            }
            let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            guard descriptor >= 0 else { throw failed(errno) }
            var status = stat()
            guard fstat(descriptor, &status) == 0 else {
                let code = errno
                close(descriptor)
                throw failed(code)
            }
            do { try ReadDoor.check(descriptor, path) } catch {
                close(descriptor)
                throw error
            }
            // From here the stream owns the descriptor.
            guard let stream = fdopendir(descriptor) else {
                let code = errno
                close(descriptor)
                throw failed(code)
            }
            defer { closedir(stream) }
            var names: [String] = []
            errno = 0
            while let entry = readdir(stream) {
                seen += 1
                if seen % 4096 == 0 { try check() }
                guard seen <= 10 * limit + 1000 else {
                    throw FileError.unreadable(
                        path: root, reason: "more than \(10 * limit) names lie below it: name a folder of fewer files")
                }
                let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                    String(validating: bytes.prefix { $0 != 0 }, as: UTF8.self)
                }
                guard let name else {
                    throw FileError.unreadable(path: path, reason: "a name in it is not valid UTF-8: rename the file")
                }
                if !name.hasPrefix(".") { names.append(name) }
                errno = 0
            }
            if errno != 0 { throw failed(errno) }
            return (Folder(device: status.st_dev, inode: status.st_ino), names.sorted())
        }
    }
}
