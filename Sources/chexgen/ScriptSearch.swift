import Launcher
import Foundation

/// Where `require` looks when there is no script: the working folder, then the library.
enum ScriptSearch {
    static var folders: [String] {
        [FileManager.default.currentDirectoryPath] + [ScriptLocations.library()].compactMap { $0 }
    }
}
