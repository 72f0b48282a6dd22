/// How a loop of a kernel ended.
public enum KernelOutcome: Sendable {
    case done
    /// A request to stop came before all was done.
    case stopped
    /// Memory to work in could not be had.
    case refused

    /// Elements between two looks for a request to stop: some tenths of a second at most.
    static let piece = 1 << 24
}
