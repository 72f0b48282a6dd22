import Foundation
import Synchronization

/// What may be read in this process: any regular file, or, for a run whose scripts are not trusted, files below some folders
/// only. Files are checked when they are open, by where the system says that they lie, so that no link leads past it.
///
/// It holds scripts to their inputs as far as this program's own code goes; it is no barrier of the system.
public enum ReadDoor {
    private static let places = Mutex<[String]?>(nil)

    /// From now on only what lies below these folders may be read, and what is let in later.
    public static func close(except folders: [String]) {
        places.withLock { $0 = folders.compactMap(resolved) }
    }

    /// Lets a file, or a folder with all that lies below it, be read, too.
    public static func letIn(_ path: String) {
        guard let place = resolved(path) else { return }
        places.withLock { $0?.append(place) }
    }

    /// Whether everything may be read.
    public static var isOpen: Bool { places.withLock { $0 == nil } }

    /// Whether a file may be read; the path holds no links.
    public static func lets(_ path: String) -> Bool {
        places.withLock { places in
            guard let places else { return true }
            return places.contains { $0 == "/" || path == $0 || path.hasPrefix($0 + "/") }
        }
    }

    /// Checks that an open file may be read.
    /// - Throws: `FileError.unreadable`.
    static func check(_ descriptor: Int32, _ path: String) throws {
        if isOpen { return }
        var place = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        let length = readlink("/proc/self/fd/\(descriptor)", &place, place.count - 1)
        guard length > 0, lets(String(cString: place)) else {
            throw FileError.unreadable(
                path: path,
                reason: "scripts may not read there (only what they may write, and below the folders of --allow-read)")
        }
    }

    private static func resolved(_ path: String) -> String? {
        guard let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        return String(cString: real)
    }
}
