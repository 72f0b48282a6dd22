import Files
import Foundation
import Runs

/// The files that scripts of a run open by themselves, with `io.open` and `io.lines`: what they read is pinned like every other
/// input, by what it held when it was opened. What the run wrote is its own.
final class OpenedFiles {
    private var early: [String] = []
    private var written: Set<String> = []
    private var folder: RunFolder?

    /// Notes a file; once the run folder is open, it is pinned at once.
    /// - Throws: `RunsError.pin` where the run is pinned to another file, or read another one before.
    func add(_ path: String, writes: Bool) throws {
        let path = Paths.absolute(path)
        if writes {
            written.insert(path)
        } else if written.contains(path) {
            return
        } else if let folder {
            try folder.pin(input: path)
        } else if early.last != path {
            early.append(path)
        }
    }

    /// Pins what was read so far, and what will be.
    func pin(to folder: RunFolder) throws {
        self.folder = folder
        for path in early { try folder.pin(input: path) }
        early = []
    }
}
