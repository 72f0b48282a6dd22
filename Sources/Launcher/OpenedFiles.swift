import Files
import Foundation
import Runs

/// The files that scripts of a run open by themselves, with `io.open` and `io.lines`: what they read is pinned like every other
/// input, by what it held when it was opened. What the run wrote is its own.
final class OpenedFiles {
    /// Whether the script is plain: it has no run folder, and nothing is kept.
    var isOff = false
    /// What was opened before the run folder was, each path once, in order.
    private var read = (paths: [String](), known: Set<String>())
    private var written = (paths: [String](), known: Set<String>())
    private var folder: RunFolder?

    /// Notes a file; once the run folder is open, it is pinned, or the run's own, at once.
    /// - Throws: `RunsError.pin` where the run is pinned to another file, or read another one before.
    func add(_ path: String, writes: Bool) throws {
        if isOff { return }
        if let folder {
            if writes { try folder.own([path]) } else { try folder.pin(input: path) }
        } else if writes {
            if written.known.insert(path).inserted { written.paths.append(path) }
        } else if read.known.insert(path).inserted {
            read.paths.append(path)
        }
    }

    /// Pins what was read so far, and what will be.
    func pin(to folder: RunFolder) throws {
        self.folder = folder
        try folder.own(written.paths)
        for path in read.paths { try folder.pin(input: path) }
        (read, written) = (([], []), ([], []))
    }
}
