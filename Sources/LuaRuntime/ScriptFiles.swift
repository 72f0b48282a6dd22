import Files
import Foundation

/// The script files that a Lua state has run, and which of them require which: what a function of a script computes is decided by
/// the file that it stands in, and by all that this one requires.
final class ScriptFiles {
    /// The SHA-256 of what was read, by path.
    private var hashes: [String: String] = [:]
    /// The paths of modules by name, and the other way round.
    private var paths: [String: String] = [:]
    private var names: [String: String] = [:]
    /// The names of modules that a file requires.
    private var required: [String: Set<String>] = [:]
    /// Those of which nobody knows which file requires them: a tail call leaves no trace.
    private var requiredByAny: Set<String> = []

    /// A file that is about to run; `module` is its name where it is one.
    func add(_ path: String, _ bytes: Data, module: String? = nil) {
        hashes[path] = SHA256.hex(of: bytes)
        guard let module else { return }
        (paths[module], names[path]) = (path, module)
    }

    /// Notes that a file requires a module; nil is a file that is not known.
    func requires(_ module: String, by path: String?) {
        if let path { required[path, default: []].insert(module) } else { requiredByAny.insert(module) }
    }

    /// Whether a module is one of the program's library, whose identity is the program's.
    private static func isLibrary(_ module: String) -> Bool { module.hasPrefix("chexgen.") }

    /// One hash of some files and of all modules that they require, the library's left out; nil where they are none.
    /// - Parameter roots: paths; nil stands for a file that is not known, which may be any of the modules.
    func hash(of roots: [String?]) -> String? {
        var left = roots.compactMap { $0 }
        if roots.contains(nil) { left += names.keys }
        var found: Set<String> = []
        while let path = left.popLast() {
            guard hashes[path] != nil, !(names[path].map(Self.isLibrary) ?? false), found.insert(path).inserted else {
                continue
            }
            left += required[path, default: []].union(requiredByAny).compactMap { paths[$0] }
        }
        if found.isEmpty { return nil }
        return SHA256.hex(of: found.compactMap { hashes[$0] }.sorted().joined(separator: "\n"))
    }
}
