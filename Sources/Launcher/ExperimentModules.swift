import Runs

/// The modules that an experiment requires from its own folder. They are part of the experiment, so they are pinned like
/// its script; those of the library belong to the program's version.
final class ExperimentModules {
    private var early: [String] = []
    private var folder: RunFolder?
    private var root = ""

    /// Notes a module's file; once the run folder is open, it is pinned at once.
    /// - Throws: `RunsError.pin` where the run is pinned to another file.
    func add(_ path: String) throws {
        guard let folder else {
            early.append(path)
            return
        }
        if path.hasPrefix(root + "/") { try folder.pin(file: path) }
    }

    /// Pins what was required so far, and what will be, below the experiment's folder.
    func pin(to folder: RunFolder, below root: String) throws {
        self.folder = folder
        self.root = root
        for path in early { try add(path) }
        early = []
    }
}
