#ifndef CHEXGEN_STOP_H
#define CHEXGEN_STOP_H
#include <stdbool.h>

// The one request to stop of the process: Ctrl-C and a script's limits make it, long work asks for it between its units.

/// Why running work was asked to stop. The first reason stays until it is cleared.
enum cx_stop_reason {
    CX_STOP_NONE = 0,
    CX_STOP_INTERRUPT = 1,     // Ctrl-C or SIGTERM
    CX_STOP_TIME_LIMIT = 2,
    CX_STOP_INSTRUCTION_LIMIT = 3,
    CX_STOP_MEMORY_LIMIT = 4,
    CX_STOP_FILE_CHANGED = 5,  // a mapped file was cut while it was in use
    CX_STOP_REASONS            // how many there are
};

/// Asks running work to stop, and says whether this call was the first to ask. Safe to call from a signal handler and from
/// any thread.
bool cx_request_stop(int reason);
/// The reason to stop, or CX_STOP_NONE.
int cx_stop_requested(void);
/// Forgets the request.
void cx_clear_stop(void);
/// A reason in words: `stopped: time limit`.
const char *cx_stop_text(int reason);

/// Begins and ends work that a request to stop must end; it may be nested.
void cx_work_begin(void);
void cx_work_end(void);

/// From now on the process ends by itself, with status 130 after an interrupt and else 1, where work goes on for `seconds`
/// after a request to stop: some of it cannot ask for the request, such as one long call of a library. The seconds count
/// anew where a piece of work ends inside another, so that there is time to put things away. Gives false where the system
/// has no thread for it.
bool cx_start_backstop(double seconds);
/// A line that the backstop prints after the reason, such as how to go on; NULL is none. The text is copied.
void cx_backstop_note(const char *text);
#endif
