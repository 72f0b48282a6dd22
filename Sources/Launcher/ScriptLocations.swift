import Files
import Foundation

/// Where the part of the library that is written in Lua lies.
public enum ScriptLocations {
    /// The folders that `require` searches for an experiment at `path`: its own, then the library's.
    public static func searchFolders(script path: String) -> [String] {
        let own = Paths.folder(Paths.absolute(path))
        return [own] + [library(near: own)].compactMap { $0 }
    }

    /// The folder of the experiments that come with the program, beside the library; nil where it is not there.
    public static var experiments: String? {
        guard let library = library() else { return nil }
        let folder = Paths.joined(Paths.folder(Paths.absolute(library)), "experiments")
        return Folders.isFolder(folder) ? folder : nil
    }

    /// The names of the experiments that come with the program: those of their YAML files, without the ending.
    public static var experimentNames: [String] {
        let files = experiments.flatMap { try? FileManager.default.contentsOfDirectory(atPath: $0) } ?? []
        return files.filter { $0.hasSuffix(".yaml") }.map { String($0.dropLast(5)) }.sorted()
    }

    /// The file that a word of the command line stands for: the file of that path where there is one, or else the experiment
    /// that comes with the program under this name, with or without its ending.
    public static func located(_ word: String) -> String {
        var status = stat()
        if stat(word, &status) == 0, status.st_mode & S_IFMT != S_IFDIR { return word }
        return shipped(word) ?? word
    }

    /// The experiment of this name that comes with the program.
    static func shipped(_ name: String) -> String? {
        guard !name.isEmpty, !name.contains("/"), let experiments else { return nil }
        return [name, name + ".yaml", name + ".lua"].map { Paths.joined(experiments, $0) }
            .first { ["yaml", "lua"].contains(Paths.ending($0)) && access($0, R_OK) == 0 }
    }

    /// What is said of a file of the command line that is not there: where the program's own experiments are.
    public static func hint(missingFile path: String) -> String {
        guard let experiments else { return "" }
        let name = Paths.name(path)
        let stem = Paths.ending(name).isEmpty ? name : String(name.dropLast(Paths.ending(name).count + 1))
        if let near = experimentNames.contains(stem) ? stem : nearest(stem, among: experimentNames) {
            return "; did you mean chexgen run \(near), which is \(experiments)/\(near).yaml?"
        }
        return "; the program's experiments are in \(experiments), and chexgen params lists them"
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
