import Foundation

/// How far work has come: on a terminal a bar with rate and time left, elsewhere a line every few seconds.
public final class Progress: @unchecked Sendable {
    private let total: Int
    private let label: String
    private let console: Console
    private let lock = NSLock()
    private let start = MonotonicClock.now
    private var done = 0
    /// Units that were done before, which say nothing about the rate.
    private var skipped = 0
    private var note = ""
    private var shown: Double
    private var isFinished = false
    private static let linesEvery = 5.0
    private static let barEvery = 0.1

    /// Begins to count.
    /// - Parameters:
    ///   - total: units in all; 0 or less where it is not known.
    ///   - label: what is done, as in `embedding`.
    public init(total: Int, label: String, console: Console = .shared) {
        self.total = max(0, total)
        self.label = label
        self.console = console
        shown = start
    }

    /// Counts `n` units as done before, as those of a run that is resumed: rate and time left are those of the others.
    public func skip(_ n: Int) {
        lock.withLock {
            skipped = Progress.sum(skipped, n)
            done = Progress.sum(done, n)
        }
    }

    /// Counts `n` more units as done.
    /// - Parameter note: what is going on, as in `image 3 of 10`; stands behind the figures from now on.
    public func step(_ n: Int = 1, note: String? = nil) {
        lock.withLock {
            if isFinished { return }
            if let note { self.note = note }
            done = Progress.sum(done, n)
            let now = MonotonicClock.now
            let isLast = total > 0 && done >= total
            if console.isTerminal {
                if isLast {
                    end(now)
                } else if now - shown >= Progress.barEvery {
                    shown = now
                    console.show(bar: bar(now))
                }
            } else if isLast {
                end(now)
            } else if now - shown >= Progress.linesEvery {
                shown = now
                console.line(text(now))
            }
        }
    }

    private static func sum(_ count: Int, _ n: Int) -> Int {
        let (sum, overflow) = count.addingReportingOverflow(max(0, n))
        return overflow ? Int.max : sum
    }

    /// Ends the bar before all units are done.
    public func finish() {
        lock.withLock { if !isFinished { end(MonotonicClock.now) } }
    }

    private func end(_ now: Double) {
        isFinished = true
        console.show(bar: "")
        // Work of a moment leaves no trace.
        if now - start >= 1 || shown > start { console.line(text(now)) }
    }

    private func bar(_ now: Double) -> String {
        guard total > 0 else { return text(now) }
        let width = 24
        let filled = Int(Double(width) * min(1, Double(done) / Double(total)))
        let cells = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
        return "\(label) \(cells) " + figures(now)
    }

    private func text(_ now: Double) -> String { "\(label): \(figures(now))" }

    private func figures(_ now: Double) -> String {
        let seconds = max(now - start, 1e-9)
        let new = done - min(done, skipped)
        let rate = Double(new) / seconds
        var text = total > 0 ? "\(done)/\(total)" : "\(done)"
        if new > 0 { text += ", \(Progress.rounded(rate))/s" }
        if total > 0, new > 0, done < total {
            text += ", \(Progress.duration(Double(total - done) / rate)) left"
        } else {
            text += ", \(Progress.duration(seconds))"
        }
        return note.isEmpty ? text : text + ", " + note
    }

    private static func rounded(_ rate: Double) -> String { String(format: rate < 10 ? "%.2f" : "%.0f", rate) }

    /// A duration as people say it: `4s`, `2m05s`, `3h20m`.
    static func duration(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds < 1e9 else { return "long" }
        let whole = Int(seconds.rounded())
        if whole < 60 { return "\(whole)s" }
        if whole < 3600 { return String(format: "%dm%02ds", whole / 60, whole % 60) }
        return String(format: "%dh%02dm", whole / 3600, whole % 3600 / 60)
    }
}
