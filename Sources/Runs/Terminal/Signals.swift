import CSupport
import Foundation

/// Ctrl-C and SIGTERM, and what ends work that does not heed them.
public enum Signals {
    /// From now on SIGINT, SIGTERM and SIGHUP ask running work to stop; a second SIGINT ends the process at once with status 130.
    /// SIGPIPE and SIGXFSZ are ignored.
    public static func install() {
        var action = sigaction()
        // Only calls that are safe in a handler: an atomic exchange in C, and _exit.
        action.__sigaction_handler.sa_handler = { number in
            if number == SIGINT && cx_stop_requested() == Int32(CX_STOP_INTERRUPT.rawValue) { _exit(130) }
            cx_request_stop(Int32(CX_STOP_INTERRUPT.rawValue))
        }
        // System calls that a signal interrupts go on; the flag is looked at between units of work.
        action.sa_flags = SA_RESTART
        sigemptyset(&action.sa_mask)
        sigaction(SIGINT, &action, nil)
        sigaction(SIGTERM, &action, nil)
        sigaction(SIGHUP, &action, nil)
        ignoreBrokenPipes()
        // Without a thread for it, work still stops where it asks.
        _ = cx_start_backstop(backstopSeconds)
    }

    /// From now on a closed pipe and a file beyond the user's limit are errors of the write: SIGPIPE and SIGXFSZ are ignored.
    public static func ignoreBrokenPipes() {
        signal(SIGPIPE, SIG_IGN)
        signal(SIGXFSZ, SIG_IGN)
    }

    /// How long work may go on after a request to stop; then the process ends. With the time that it takes to see this, and to
    /// end, less than five seconds.
    private static let backstopSeconds = 4.5

    /// Runs work that a request to stop must end.
    public static func working<Value>(_ body: () throws -> Value) rethrows -> Value {
        cx_work_begin()
        defer { cx_work_end() }
        return try body()
    }

    /// What the process prints where it is ended while work goes on, such as how to go on with a run; nil is nothing.
    public static func setLastWords(_ text: String?) { cx_backstop_note(text) }
}
