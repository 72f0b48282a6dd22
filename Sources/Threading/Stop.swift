import CSupport

/// The process-wide request to stop, as loops that may be long look at it; see `Parallel.forPieces`.
public enum Stop {
    /// Whether a stop was requested.
    public static var isRequested: Bool { cx_stop_requested() != 0 }
}
