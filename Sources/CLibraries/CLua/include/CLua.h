#ifndef CHEXGEN_CLUA_H
#define CHEXGEN_CLUA_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Lua 5.4 behind a door that Swift can walk through without care.
//
// Lua raises errors with longjmp, which must never skip a Swift frame. So Swift does not see lua_State at all: values
// cross as flat tapes of nodes, every function below that may run Lua code or allocate runs it in a protected call and
// returns a status, and the functions that Lua calls raise only after the Swift frame has returned.

/// One Lua state with its limits. Not thread safe.
typedef struct cx_lua cx_lua;
/// A sequence of values on their way from Swift to Lua.
typedef struct cx_tape cx_tape;

/// The last field of a table from Lua that has a metatable: a reference to the table itself, as a CX_FUNCTION.
#define CX_ORIGIN "\x01object"

enum cx_kind {
    CX_NIL,
    CX_BOOLEAN,   // integer
    CX_INTEGER,   // integer
    CX_NUMBER,    // number
    CX_STRING,    // pointer, length
    CX_TABLE,     // length: entries of the list; integer: fields. Then the list's nodes, then key (string), value, …
    CX_FUNCTION,  // length: registry reference; to Lua, pointer: a retained object that holds the reference
    CX_OBJECT,    // pointer; to Lua it is retained and length is the bytes that the collector cannot see
    CX_CLOSED,    // from Lua only: an object that was closed; pointer, length: the name of its class
    CX_NATIVE,    // to Lua only: a function; pointer: the retained object that cx_callbacks.call gets
};

/// One value, or the head of a table.
struct cx_node {
    uint32_t kind;
    uint32_t flags;  // CX_TABLE: 1 is read-only; CX_OBJECT: the class's number
    uint64_t length;
    union {
        int64_t integer;
        double number;
        void *pointer;
    };
};

/// What Lua calls in Swift.
struct cx_callbacks {
    void *context;
    /// Runs a native function. The nodes hold its arguments; all functions in them become the callee's to release.
    /// Returns 0 with the results on the tape, 1 with an error's text on it, 2 if that text names its place already, or 3
    /// with the number of an error value (cx_lua_error_value) and the text to raise where that value is gone.
    int (*call)(void *context, void *native, const struct cx_node *nodes, size_t count, cx_tape *results);
    /// Releases an object that a tape or Lua held; closes it before, where a script or the collector gave it up.
    void (*discard)(void *object, bool close);
    /// Bytes outside the Lua heap that count to the memory limit; it may be called often and from any place. NULL: none do.
    int64_t (*outside_bytes)(void);
    /// Whether scripts may read the file at a path without links; for NULL, the environment. No function: all of it.
    bool (*may_read)(const char *path);
    /// Hears of a regular file that a script has opened, or is about to leave under this name, and whether it writes to it. What it
    /// gives is an error's text, which the caller frees, or NULL.
    char *(*opened)(void *context, const char *path, bool writes);
    /// Hears of each `require`: the path of the script file that calls it, NULL where nobody knows it, and the module's name.
    void (*required)(void *context, const char *caller, const char *name);
};

/// What a state may use; 0 is no limit.
struct cx_lua_limits {
    int64_t memory;  // bytes of the Lua heap and of what cx_callbacks.outside_bytes counts together
    double seconds;
    int64_t instructions;
};

enum cx_status {
    CX_DONE = 0,
    CX_FAILED = 1,      // the output holds message, traceback (or nil), file (or nil), line (or nil)
    CX_INCOMPLETE = 2,  // from cx_lua_load: the text ends in the middle of a statement
};

/// Opens a bare state, or gives NULL.
cx_lua *cx_lua_open(struct cx_lua_limits limits, struct cx_callbacks callbacks);
/// Installs the libraries. Input: the native that finds modules (name → path, source), one that writes text or nil,
/// and the list for the global `arg`.
int cx_lua_install(cx_lua *lua);
/// Closes the state; every object in it is discarded.
void cx_lua_close(cx_lua *lua);

/// The cleared tape that the next call reads its input from.
cx_tape *cx_lua_input(cx_lua *lua);
/// Gives up what is on a tape.
void cx_lua_clear(cx_lua *lua, cx_tape *tape);
/// The nodes that the last call gave; valid until the next call. The functions in them are the caller's to release.
const struct cx_node *cx_lua_output(cx_lua *lua, size_t *count);

void cx_tape_nil(cx_tape *tape);
void cx_tape_boolean(cx_tape *tape, bool value);
void cx_tape_integer(cx_tape *tape, int64_t value);
void cx_tape_number(cx_tape *tape, double value);
void cx_tape_string(cx_tape *tape, const void *bytes, size_t length);
void cx_tape_table(cx_tape *tape, size_t entries, size_t fields, bool read_only);
void cx_tape_function(cx_tape *tape, int32_t reference, void *retained);
void cx_tape_object(cx_tape *tape, void *retained, uint32_t class_number, int64_t external_bytes);
void cx_tape_native(cx_tape *tape, void *retained);

/// Compiles text (never bytecode); on CX_DONE the reference is the caller's to release.
int cx_lua_load(cx_lua *lua, const char *text, size_t length, const char *chunk_name, int32_t *reference);
/// Calls a function with the input; the output holds its results.
int cx_lua_call(cx_lua *lua, int32_t reference);
/// Calls a function without arguments; the output holds, for each result, its text and then the value (or the text
/// again where the value cannot leave Lua).
int cx_lua_evaluate(cx_lua *lua, int32_t reference);
/// Sets a global variable to the one value of the input.
int cx_lua_set_global(cx_lua *lua, const char *name);
/// Puts the input's one table among the modules; a module `a.b` is a field of the module `a`, too.
int cx_lua_module(cx_lua *lua, const char *name);
/// Makes a class. Input: methods by name, property getters by name, operators by metamethod, the native that reads
/// other keys, the native that writes keys.
int cx_lua_class(cx_lua *lua, uint32_t number, const char *name);
/// Looks at the value at the end of a path of field names (the input's strings) without running any code: the output
/// holds the names of its fields or members, which begin with a letter or underscore.
int cx_lua_members(cx_lua *lua);
/// The path of the script file that a function stands in, or NULL; valid as long as the function.
const char *cx_lua_function_path(cx_lua *lua, int32_t reference);
/// The path of the script file that called the innermost Swift frame, or NULL where nobody knows it; valid until that returns.
const char *cx_lua_caller_path(cx_lua *lua);
/// Releases a function reference.
void cx_lua_release(cx_lua *lua, int32_t reference);

/// Lets scripts write below a folder; the path must be absolute and resolved.
bool cx_lua_allow_folder(cx_lua *lua, const char *path);
/// Why a path may not be written to, or NULL where it may; the host asks before it writes for a script.
const char *cx_lua_writable(cx_lua *lua, const char *path);
/// Starts the time limit and the instruction limit anew.
void cx_lua_restart_clock(cx_lua *lua);
/// Why the last call was stopped (cx_stop_reason), or 0.
int cx_lua_stop(const cx_lua *lua);
/// The number of the value that the last failed call raised, where it was no string; else 0. Only the last is kept.
int64_t cx_lua_error_value(const cx_lua *lua);
/// Whether a call is running.
bool cx_lua_running(const cx_lua *lua);
/// Bytes that live objects hold outside the Lua heap.
int64_t cx_lua_external_bytes(const cx_lua *lua);
/// Values on the main stack; for tests of balance.
int cx_lua_stack_height(const cx_lua *lua);
/// Makes the allocation after `count` more fail, and all after it; for tests. Negative never fails.
void cx_lua_fail_after(cx_lua *lua, int64_t count);
#endif
