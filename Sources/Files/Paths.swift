import Foundation

/// Paths as text; nothing here looks at the file system but for the current folder and `resolved`.
///
/// Every path from a script, a config or the command line is taken apart here: Foundation's `deletingLastPathComponent` ends the
/// process for a path of one letter (a test looks for such functions in the sources).
public enum Paths {
    /// The folder of a path, `.` where it names none.
    public static func folder(_ path: String) -> String {
        let folder = dirname(path)
        return folder.isEmpty ? "." : folder
    }

    /// What a path says of its folder, as Python's `os.path.dirname`: nothing for the bare name of a file.
    public static func dirname(_ path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "" }
        var end = slash
        while end > path.startIndex, path.utf8[path.utf8.index(before: end)] == UInt8(ascii: "/") {
            end = path.utf8.index(before: end)
        }
        return end == path.startIndex ? String(path[...slash]) : String(path[..<end])
    }

    /// The letters after the last point of the name, lower-case; empty where there are none.
    public static func ending(_ path: String) -> String {
        let name = name(path)
        guard let point = name.lastIndex(of: "."), point != name.startIndex else { return "" }
        return name[name.index(after: point)...].lowercased()
    }

    /// A path without the point and the ending of its name.
    public static func withoutEnding(_ path: String) -> String {
        guard !ending(path).isEmpty, let point = path.lastIndex(of: ".") else { return path }
        return String(path[..<point])
    }

    /// A path in a folder; `folder` may be empty or end in a slash.
    public static func joined(_ folder: String, _ name: String) -> String {
        folder.isEmpty || folder.hasSuffix("/") ? folder + name : folder + "/" + name
    }

    /// Whether an absolute path is a folder or lies below it; neither is changed or looked up.
    public static func isBelow(_ path: String, _ folder: String) -> Bool {
        path == folder || path.hasPrefix(folder.hasSuffix("/") ? folder : folder + "/")
    }

    /// The last component.
    public static func name(_ path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return path }
        return String(path[path.utf8.index(after: slash)...])
    }

    /// The path from the root, without `.`, `..` and repeated slashes; a relative one begins at `base` or at the
    /// current folder.
    public static func absolute(_ path: String, from base: String? = nil) -> String {
        var parts: [Substring] = []
        let start = base ?? FileManager.default.currentDirectoryPath
        for part in (path.hasPrefix("/") ? path : start + "/" + path).split(separator: "/") {
            if part == "." { continue }
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }

    /// The absolute path with links followed, where it exists.
    public static func resolved(_ path: String) -> String {
        guard let real = realpath(path, nil) else { return absolute(path) }
        defer { free(real) }
        return String(cString: real)
    }

    /// How `path` is written in a file inside `folder`: relative where both lie in `home` (the current folder where it is
    /// nil), so that the whole project can move, and absolute where not.
    public static func written(_ path: String, in folder: String, home: String? = nil) -> String {
        let home = (home ?? FileManager.default.currentDirectoryPath).split(separator: "/")
        let target = path.split(separator: "/")
        let origin = folder.split(separator: "/")
        guard !home.isEmpty, target.starts(with: home), origin.starts(with: home) else { return path }
        var common = 0
        while common < min(target.count, origin.count) && target[common] == origin[common] { common += 1 }
        let up = Array(repeating: Substring(".."), count: origin.count - common)
        let relative = (up + target[common...]).joined(separator: "/")
        return (relative.isEmpty ? "." : relative) + (path.hasSuffix("/") && !relative.isEmpty ? "/" : "")
    }
}
