/// What can go wrong with a picture of numbers.
public enum PlotError: Error, Equatable, CustomStringConvertible {
    /// A part of the figure that cannot be drawn, named as the caller names it.
    case figure(name: String, message: String)
    /// The program that draws is not installed.
    case missingProgram(String)
    /// The program that draws failed; the text is what it said.
    case failed(String)
    /// The program that draws took longer than this many seconds.
    case tooSlow(Double)

    /// The message, as users read it.
    public var description: String {
        switch self {
        case .figure(let name, let message): return "plot: \(name): \(message)"
        case .missingProgram(let name):
            return "plot: \(name) is not installed; on Debian: apt-get install gnuplot-nox"
        case .failed(let text): return "plot: gnuplot failed: \(text.isEmpty ? "it gave no reason" : text)"
        case .tooSlow(let seconds):
            return "plot: gnuplot was stopped after \(Int(seconds)) s; draw fewer points or a smaller picture"
        }
    }
}
