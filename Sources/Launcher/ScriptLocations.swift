import Files
import Foundation

/// Where the part of the library that is written in Lua lies.
public enum ScriptLocations {
    /// The folders that `require` searches for an experiment at `path`: its own, then the library's.
    public static func searchFolders(script path: String) -> [String] {
        let own = Paths.folder(Paths.absolute(path))
        return [own] + [library(near: own)].compactMap { $0 }
    }

    /// What to do where a module of the library is not found; nil for modules of others.
    public static func hint(missing module: String, near folder: String? = nil) -> String? {
        guard module.hasPrefix("chexgen.") else { return nil }
        guard let library = library(near: folder) else {
            return
                "the library's folder lua lies neither beside the program nor beside the script, the working folder or above "
                + "one of them; set CHEXGEN_LUA to it"
        }
        if FileManager.default.fileExists(atPath: library + "/chexgen") { return nil }
        return "CHEXGEN_LUA is \(library), which holds no folder chexgen; set it to the folder lua of the project"
    }

    /// The library's folder: `CHEXGEN_LUA`, or the folder `lua` beside the program, the experiment or the working
    /// folder, or above one of them.
    public static func library(near folder: String? = nil) -> String? {
        if let named = ProcessInfo.processInfo.environment["CHEXGEN_LUA"], !named.isEmpty { return named }
        let program = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        let starts = [
            Paths.folder(program), folder ?? "", FileManager.default.currentDirectoryPath,
        ]
        for start in starts where !start.isEmpty {
            var place = Paths.absolute(start)
            for _ in 0..<6 {
                for name in ["lua", "share/chexgen/lua"] {
                    let candidate = Paths.joined(place, name)
                    if FileManager.default.fileExists(atPath: candidate + "/chexgen") { return candidate }
                }
                if place == "/" { break }
                place = Paths.folder(place)
            }
        }
        return nil
    }
}
