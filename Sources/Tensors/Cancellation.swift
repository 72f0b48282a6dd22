import ArrayKernels
import Threading

/// The process-wide request to stop, set by Ctrl-C and by a script's limits. Long work asks between its units.
public enum Cancellation {
    /// Whether a stop was requested.
    public static var isRequested: Bool { Stop.isRequested }

    /// Throws `TensorError.stopped` where a stop was requested.
    public static func check() throws {
        if isRequested { throw TensorError.stopped }
    }

    /// Throws `TensorError.stopped` where a loop of the kernels says that it was not done: see `Parallel.forPieces`.
    static func check(_ isDone: Bool) throws {
        if !isDone { throw TensorError.stopped }
    }

    /// Loops over single elements look for a request once in so many.
    static let stride = 1 << 20
}

extension KernelOutcome {
    /// - Parameter bytes: what the kernel wanted to work in.
    /// - Throws: `TensorError.stopped` or `.outOfMemory`.
    func check(bytes: Int) throws {
        switch self {
        case .done: return
        case .stopped: throw TensorError.stopped
        case .refused: throw TensorError.outOfMemory(bytes: bytes)
        }
    }
}
