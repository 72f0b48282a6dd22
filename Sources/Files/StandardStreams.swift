import Foundation

/// Standard input, output and error as a program must treat them: whoever started it may have closed them, and whoever
/// reads them may go away.
public enum StandardStreams {
    /// Opens those of the three that were closed when the program started, so that no file that is opened later takes the
    /// place of one and receives what was meant for people. Writing to them fails, as it would have.
    public static func open() {
        for number: Int32 in 0...2 where fcntl(number, F_GETFD) < 0 && errno == EBADF {
            // The lowest number that is free is the one that was closed.
            _ = Foundation.open("/dev/null", O_RDONLY)
        }
    }

    /// Writes a text to standard error. What cannot be written is lost: there is nobody who could be told.
    public static func writeError(_ text: String) {
        var text = text
        text.withUTF8 { bytes in
            var done = 0
            while done < bytes.count {
                let count = write(2, bytes.baseAddress?.advanced(by: done), bytes.count - done)
                if count < 0 && errno == EINTR { continue }
                if count <= 0 { return }
                done += count
            }
        }
    }
}
