import Foundation

/// Folders of the file system.
public enum Folders {
    /// Makes a folder and those that it lies in, where they are missing.
    /// - Returns: those that it made, the outermost first.
    /// - Throws: `FileError.unwritable`.
    @discardableResult public static func make(_ path: String) throws -> [String] {
        guard !path.isEmpty, !path.utf8.contains(0) else {
            throw FileError.unwritable(path: path, reason: "this is no path of a folder")
        }
        let missing = existing(path)
        var place = missing.place
        var made: [String] = []
        for name in missing.names {
            place = Paths.joined(place, name)
            if mkdir(place, 0o777) == 0 {
                made.append(place)
            } else if errno != EEXIST {
                let reason = systemMessage(errno)
                removeEmpty(made)
                throw FileError.unwritable(path: path, reason: "the folder cannot be made: \(reason)")
            }
        }
        guard isFolder(place) else { throw FileError.unwritable(path: path, reason: "it is not a folder") }
        return made
    }

    /// Removes those folders that `make` made and that still hold nothing.
    public static func removeEmpty(_ made: [String]) {
        for folder in made.reversed() { rmdir(folder) }
    }

    /// Looks whether a folder can be made at a path, with those that it lies in, or written in where it is there: by making a folder
    /// with a name of its own in the last one that is there, and taking it away again.
    /// - Throws: `FileError.unwritable`.
    public static func checkRoom(for path: String) throws {
        guard !path.isEmpty, !path.utf8.contains(0) else {
            throw FileError.unwritable(path: path, reason: "this is no path of a folder")
        }
        let place = existing(path).place
        guard isFolder(place.isEmpty ? "." : place) else {
            throw FileError.unwritable(
                path: path, reason: place == path ? "it is not a folder" : "\(place) is not a folder")
        }
        var name = Array(Paths.joined(place, ".chexgen-XXXXXX").utf8CString)
        guard mkdtemp(&name) != nil else {
            throw FileError.unwritable(
                path: path, reason: "no folder can be made in \(place.isEmpty ? "." : place): \(systemMessage(errno))")
        }
        rmdir(name)
    }

    /// Whether there is a folder at a path, links followed.
    public static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// Bytes that a disk has free for the user, at a place that is there; nil where the system does not say it.
    public static func freeBytes(at place: String) -> Int? {
        var status = statvfs()
        guard statvfs(place, &status) == 0 else { return nil }
        return Int(
            clamping: UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize)).partialValue)
    }

    /// The part of a path that is there, as text, and the names of the folders below it that are not.
    public static func existing(_ path: String) -> (place: String, names: [String]) {
        var place = path
        var names: [String] = []
        var status = stat()
        while lstat(place.isEmpty ? "." : place, &status) != 0 {
            while place.hasSuffix("/") { place.removeLast() }
            if place.isEmpty { return ("/", names) }
            names.insert(Paths.name(place), at: 0)
            place = Paths.dirname(place)
        }
        return (place, names)
    }
}
