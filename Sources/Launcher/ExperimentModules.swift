import Files
import Foundation
import Runs

/// The modules that an experiment requires. Those of the Lua library belong to the program's identity; all others are part of
/// the experiment, and pinned like its script by the bytes that were read, wherever they lie.
final class ExperimentModules {
    private let library: LuaLibrary?
    private var early: [(path: String, sha256: String)] = []
    private var folder: RunFolder?

    init(library: LuaLibrary?) { self.library = library }

    /// Notes a module's file; once the run folder is open, it is pinned at once.
    /// - Throws: `RunsError.pin` where the run is pinned to another file, or the library changed since the program started.
    func add(_ path: String, _ bytes: Data) throws {
        let hash = SHA256.hex(of: bytes)
        if try library?.holds(module: path, sha256: hash) ?? false { return }
        if let folder {
            try folder.pin(file: path, sha256: hash)
        } else {
            early.append((path, hash))
        }
    }

    /// Pins what was required so far, and what will be.
    func pin(to folder: RunFolder) throws {
        self.folder = folder
        for (path, hash) in early { try folder.pin(file: path, sha256: hash) }
        early = []
    }
}
