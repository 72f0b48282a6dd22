import Files
import Foundation

extension RunFolder {
    /// Whether the run has computed nothing that anybody could want: no row, no value that was kept, no file.
    private var isBlank: Bool {
        guard !isResumed, rows.isEmpty, stored.isEmpty, tables.isEmpty else { return false }
        let files = FileManager.default.enumerator(atPath: path + "/" + Names.artifacts)
        while let name = files?.nextObject() as? String {
            var status = stat()
            let isFolder =
                lstat("\(path)/\(Names.artifacts)/\(name)", &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
            if !isFolder { return false }
        }
        return true
    }

    /// Removes the folder of a run that failed before it had computed anything; all that it held is the error, which the
    /// command prints. Returns whether it did so.
    @discardableResult public func removeIfBlank() -> Bool {
        lock.withLock {
            guard isBlank, (try? journal.checkIsThere()) != nil else { return false }
            // Under the name of a folder that is being made, so that what is left by a kill is removed later.
            let hidden = RunFolder.hiddenName(for: path)
            guard rename(path, hidden) == 0 else { return false }
            try? FileManager.default.removeItem(atPath: hidden)
            return true
        }
    }

    /// The hidden name of a folder that is being made, or removed; see `removeAbandoned`.
    static func hiddenName(for path: String) -> String {
        "\(Paths.folder(path))/.\(Paths.name(path)).new-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
    }
}
