import Files
import Foundation

/// Reads script files.
enum ScriptFile {
    /// The bytes of a script's file.
    static func bytes(_ path: String) throws -> Data {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw LuaError("\(path): no such file")
        }
        guard !isFolder.boolValue else { throw LuaError("\(path): a folder, not a script") }
        let attributes = try? FileManager.default.attributesOfItem(
            atPath: Paths.resolved(path))
        guard attributes?[.type] as? FileAttributeType == .typeRegular else {
            throw LuaError("\(path): not a regular file")
        }
        if let size = attributes?[.size] as? Int, size > LuaHost.longestScript {
            throw LuaError("\(path): \(size) bytes are too long for a script (at most \(LuaHost.longestScript))")
        }
        guard let data = FileManager.default.contents(atPath: path) else { throw LuaError("\(path): cannot be read") }
        return data
    }

    /// The text that a file's bytes hold, without a byte order mark and without what follows `#` in its first line.
    static func text(of data: Data) -> [UInt8] {
        var bytes = [UInt8](data)
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes.removeFirst(3) }
        // The line stays, so that the numbers of the others do not change.
        if bytes.first == UInt8(ascii: "#") { bytes.removeFirst(bytes.firstIndex(of: 10) ?? bytes.count) }
        return bytes
    }
}

/// Finds what `require` asks for in the search folders.
struct ModuleFinder {
    let folders: [String]
    let missingHint: ((String) -> String?)?
    let wasFound: (_ name: String, _ path: String, _ bytes: Data) throws -> Void

    /// The path and the text of a module.
    func find(_ arguments: [LuaValue]) throws -> [LuaValue] {
        guard let name = arguments.first?.stringValue else { throw LuaError("a module's name is not text") }
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        let allowed = parts.allSatisfy { part in
            !part.isEmpty
                && part.unicodeScalars.allSatisfy {
                    $0 == "_" || $0 == "-" || ($0.isASCII && $0.properties.isAlphabetic) || ("0"..."9").contains($0)
                }
        }
        guard allowed, name.utf8.count <= 200 else {
            throw LuaError(
                "bad module name '\(name.prefix(200))' (wanted names of letters, digits, '_' and '-', joined by dots)")
        }
        let stem = parts.joined(separator: "/")
        var tried: [String] = []
        for folder in folders {
            for path in ["\(folder)/\(stem).lua", "\(folder)/\(stem)/init.lua"] {
                if FileManager.default.fileExists(atPath: path) {
                    let bytes = try ScriptFile.bytes(path)
                    try wasFound(name, path, bytes)
                    return [.string(path), .bytes(ScriptFile.text(of: bytes))]
                }
                tried.append("\n\tno file '\(path)'")
            }
        }
        let hint = missingHint?(name).map { "\n\t" + $0 } ?? ""
        throw LuaError("module '\(name)' not found" + tried.joined() + hint)
    }
}
