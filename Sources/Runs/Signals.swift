import CSupport
import Foundation

/// Ctrl-C and SIGTERM.
public enum Signals {
    /// From now on SIGINT, SIGTERM and SIGHUP ask running work to stop; a second SIGINT ends the process at once with status 130.
    /// SIGPIPE and SIGXFSZ are ignored: a closed pipe and a file beyond the user's limit are errors of the write.
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
        signal(SIGPIPE, SIG_IGN)
        signal(SIGXFSZ, SIG_IGN)
    }
}
