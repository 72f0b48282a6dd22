import Files

/// The list of files that a run read below one folder, in the form of `sha256sum`: `hash  path` a line, sorted by path.
struct Manifest {
    /// SHA-256 by path relative to the folder, or by absolute path for a file outside of it.
    var hashes: [String: String] = [:]

    init() {}

    /// The text; a backslash or a line end in a name is escaped as `sha256sum` does it.
    var text: String {
        hashes.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            .map { path, hash in
                let escaped = path.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
                return (escaped == path ? "" : "\\") + "\(hash)  \(escaped)\n"
            }
            .joined()
    }

    /// The hash that stands for all the files.
    var sha256: String { SHA256.hex(of: text) }

    /// Parses a manifest.
    /// - Throws: `FileError.malformed` with the line.
    init(_ text: String, name: String) throws {
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: true).enumerated() {
            let isEscaped = line.hasPrefix("\\")
            let body = isEscaped ? line.dropFirst() : line
            let parts = body.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, parts[0].utf8.count == 64, parts[1].hasPrefix(" "), parts[1].count > 1 else {
                throw FileError.malformed(
                    path: name, location: "line \(number + 1)", reason: "wanted a SHA-256, two spaces and a path")
            }
            var path = String(parts[1].dropFirst())
            if isEscaped { path = Manifest.unescaped(path) }
            hashes[path] = String(parts[0])
        }
    }

    private static func unescaped(_ text: String) -> String {
        var out = ""
        var isEscape = false
        for character in text.unicodeScalars {
            if isEscape {
                out.unicodeScalars.append(character == "n" ? "\n" : character)
                isEscape = false
            } else if character == "\\" {
                isEscape = true
            } else {
                out.unicodeScalars.append(character)
            }
        }
        return out
    }
}
