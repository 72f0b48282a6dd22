import CSupport

/// The process-wide request to stop, set by Ctrl-C and by a script's limits. Long work asks between its units.
public enum Cancellation {
    /// Whether a stop was requested.
    public static var isRequested: Bool { cx_stop_requested() != 0 }

    /// Throws `TensorError.stopped` where a stop was requested.
    public static func check() throws {
        if isRequested { throw TensorError.stopped }
    }
}
