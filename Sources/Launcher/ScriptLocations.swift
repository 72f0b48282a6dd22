import Files
import Foundation

/// Where the part of the library that is written in Lua lies.
public enum ScriptLocations {
    /// The folders that `require` searches for an experiment at `path`: its own, then the library's.
    public static func searchFolders(script path: String) -> [String] {
        let own = Paths.folder(Paths.absolute(path))
        return [own] + [library(near: own)].compactMap { $0 }
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
