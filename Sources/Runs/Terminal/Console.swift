import Files
import Foundation

/// What people see of a run: lines on standard error, and on a terminal one progress bar below them.
public final class Console: @unchecked Sendable {
    /// The console of the process.
    public static let shared = Console()

    private let lock = NSLock()
    private var bar = ""
    private var quiet: Bool
    /// Whether standard error is a terminal.
    public let isTerminal = isatty(2) == 1

    /// A console of its own.
    public init(quiet: Bool = false) { self.quiet = quiet }

    /// With `--quiet`, neither lines nor bars are shown; run.log still holds the lines.
    public var isQuiet: Bool {
        get { lock.withLock { quiet } }
        set { lock.withLock { quiet = newValue } }
    }

    /// Writes a line, above the bar where there is one.
    public func line(_ text: String) {
        lock.withLock {
            if quiet { return }
            StandardStreams.writeError((bar.isEmpty ? "" : "\r\u{1B}[K") + text + "\n" + bar)
        }
    }

    /// Shows a bar in place of the one before; an empty one ends it.
    func show(bar text: String) {
        lock.withLock {
            if quiet || !isTerminal { return }
            StandardStreams.writeError("\r\u{1B}[K" + text)
            bar = text
        }
    }
}
