import Files
import Foundation

/// The part of the library that is written in Lua, as it is when the program starts: every text that `require` may find in its
/// folder `chexgen`, with its hash.
public struct LuaLibrary {
    /// The folder that holds `chexgen`, absolute.
    public let folder: String
    /// Hashes by path relative to `folder`, such as `chexgen/fidelity.lua`.
    let manifest: Manifest

    /// The hash that stands for all the files.
    public var sha256: String { manifest.sha256 }

    /// Reads the library.
    /// - Parameter folder: the folder that holds `chexgen`.
    /// - Throws: `FileError` where a file cannot be read.
    public init(folder: String) throws {
        self.folder = Paths.absolute(folder)
        var manifest = Manifest()
        try LuaLibrary.add("chexgen", in: self.folder, to: &manifest, depth: 0)
        self.manifest = manifest
    }

    /// Adds the texts below a folder; other files, such as copies that an editor keeps, are nothing that `require` finds.
    private static func add(_ name: String, in root: String, to manifest: inout Manifest, depth: Int) throws {
        // A link may lead back to where it lies.
        guard depth < 16 else { return }
        for entry in ((try? FileManager.default.contentsOfDirectory(atPath: "\(root)/\(name)")) ?? []).sorted() {
            let path = "\(root)/\(name)/\(entry)"
            var status = stat()
            guard stat(path, &status) == 0 else { continue }
            if status.st_mode & S_IFMT == S_IFDIR {
                try add("\(name)/\(entry)", in: root, to: &manifest, depth: depth + 1)
            } else if entry.hasSuffix(".lua"), status.st_mode & S_IFMT == S_IFREG {
                manifest.hashes["\(name)/\(entry)"] = try SHA256.hex(file: path)
            }
        }
    }

    /// Whether a module's file belongs to the library; it must then be the one that was there when the program started.
    /// - Throws: `RunsError.pin` where it has changed since.
    public func holds(module path: String, sha256: String) throws -> Bool {
        let path = Paths.absolute(path)
        guard path.hasPrefix(folder + "/chexgen/") else { return false }
        let name = String(path.dropFirst(folder.utf8.count + 1))
        let known = manifest.hashes[name]
        guard known == sha256 else { throw RunsError.pin(path: path, pinned: known ?? "no such file", found: sha256) }
        return true
    }

    /// The name of its manifest in a run folder.
    static func manifestName(_ sha256: String) -> String { "lua-library-\(sha256.prefix(12)).sha256" }
}
