#ifndef CHEXGEN_CLUA_INTERNAL_H
#define CHEXGEN_CLUA_INTERNAL_H
#include <lua5.4/lauxlib.h>
#include <lua5.4/lua.h>
#include <lua5.4/lualib.h>
#include <pthread.h>
#include <stdatomic.h>

#include "CLua.h"
#include "cx_stop.h"

enum {
    CXL_MOST_DEPTH = 190,        // of Swift frames; Lua's own C stack limit is 200
    CXL_MOST_NESTING = 64,       // of tables that cross the border
    CXL_MOST_NODES = 20000000,   // in one crossing
    CXL_HOOK_INTERVAL = 1000,    // instructions between looks at the limits
    CXL_MOST_CLOSES = 10,        // of coroutines that close coroutines
    CXL_MOST_SHIFTS = 100000000, // elements that one call of the table library may move
};

struct cx_tape {
    struct cx_node *nodes;
    size_t count, capacity;
    char *bytes;
    size_t used, size;
    size_t taken;   // nodes whose references were handed over
    bool to_lua;    // who owns what the nodes refer to
    bool failed;    // malloc refused
};

/// The tapes of one Swift frame: what it was called with and gives, and what it calls with and gets.
struct cxl_frame {
    cx_tape arguments, results, input, output;
};

/// What an object in Lua is made of. A NULL object was closed.
struct cxl_object {
    void *object;
    int64_t external;
};

/// Turns the time limit into a request to stop.
struct cxl_alarm {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool started, quit, active;
    _Atomic double deadline;    // of the monotonic clock; 0 is none
};

struct cx_lua {
    lua_State *main;
    lua_State *current;         // the coroutine that called the innermost Swift frame
    struct cx_callbacks callbacks;
    struct cx_lua_limits limits;
    struct cxl_frame *frames[CXL_MOST_DEPTH + 1];
    int depth;                  // Swift frames that Lua called
    int running;                // protected calls that may run a script
    int releasing;              // Swift code that must not call Lua
    int closes;                 // coroutines being closed
    int stop;                   // sticky until the outermost call ends

    int64_t bytes;
    bool refused;               // an allocation was refused by the limit
    int64_t fail_after;
    int64_t external, external_since, external_threshold;
    int64_t instructions;
    bool clock_started;

    char *traceback;
    char error_source[1024];
    int error_line;
    int64_t error_value;        // the number of the raised value in the registry, 0 where it was a string
    int64_t error_values;       // how many were numbered so far

    char **folders;             // where scripts may write
    size_t folder_count;
    struct cxl_alarm alarm;
};

// Keys of the registry and of metatables: their addresses.
extern const char cxl_classes, cxl_objects, cxl_native_metatable, cxl_class_key, cxl_read_only, cxl_modules,
    cxl_error_value;

static inline cx_lua *cxl_host(lua_State *L) { return *(cx_lua **)lua_getextraspace(L); }

// tape.c
void cxl_tape_clear(lua_State *L, cx_tape *tape);
void cxl_tape_free(lua_State *L, cx_tape *tape);
struct cx_node *cxl_tape_add(cx_tape *tape, enum cx_kind kind);
void cxl_tape_text(cx_tape *tape, const char *text, size_t length);
void cxl_tape_finish(cx_tape *tape);
struct cxl_frame *cxl_frame_at(cx_lua *lua, int depth);

// crossing.c
/// Adds the value at an index to a tape. Raises where it cannot cross.
void cxl_read(lua_State *L, int index, cx_tape *tape, bool copies);
/// Whether cxl_read takes the type of the value.
bool cxl_can_cross(lua_State *L, int index);
/// Pushes all values of a tape, and gives their number. Raises.
int cxl_push(lua_State *L, cx_tape *tape);

// tables.c
/// Replaces the table on top by a read-only view of it.
void cxl_make_read_only(lua_State *L);
/// Pushes the table behind a read-only view and gives true, or pushes nothing.
bool cxl_push_behind(lua_State *L, int index);
int cxl_pairs(lua_State *L);

// objects.c
void cxl_push_object(lua_State *L, struct cx_node *node, size_t *taken);
void cxl_push_native(lua_State *L, struct cx_node *node, size_t *taken);
/// The object at an index, or NULL where something else is there.
struct cxl_object *cxl_object_at(lua_State *L, int index);
void cxl_open_objects(lua_State *L);
void cxl_discard(cx_lua *lua, void *object, bool close);
/// Collects where the objects made since the last time hold much memory.
void cxl_relieve(lua_State *L, cx_lua *lua);

// limits.c
void *cxl_allocate(void *lua, void *block, size_t old_size, size_t new_size);
void cxl_hook(lua_State *L, lua_Debug *record);
/// The reason to stop, noticed and made sticky.
int cxl_stop(cx_lua *lua);
void cxl_check_stop(lua_State *L, cx_lua *lua);
/// Makes a stop out of a refused allocation, when a protected call ended with this status.
void cxl_note_memory(lua_State *L, cx_lua *lua, int status);
int cxl_raise_stop(lua_State *L, cx_lua *lua);
double cxl_now(void);
void cxl_open_stops(lua_State *L);
/// Bytes outside the Lua heap that count to the memory limit.
int64_t cxl_outside_bytes(const cx_lua *lua);

// calls.c
/// Runs a C function with one light userdata in a protected call, and puts what went wrong on the output.
int cxl_protect(cx_lua *lua, lua_CFunction function, void *request, bool runs_script);

// alarm.c
void cxl_alarm_begin(cx_lua *lua);
void cxl_alarm_end(cx_lua *lua);
void cxl_alarm_quit(cx_lua *lua);

// errors.c
int cxl_message_handler(lua_State *L);
/// Pushes `file:line: ` of the innermost Lua function.
void cxl_push_place(lua_State *L);

/// The path of the script file that calls the running C function, or NULL: a tail call leaves no trace.
const char *cxl_caller_path(lua_State *L);

// files.c
const char *cxl_check_path(lua_State *L, int index);
/// Pushes an open regular file, or something closed and gives false with the reason.
bool cxl_push_file(lua_State *L, const char *path, const char *mode, const char **reason, int *number);

// The libraries. Each adds to the table of globals at the given index.
void cxl_open_base(lua_State *L);  // pushes that table
void cxl_open_guarded(lua_State *L, int globals);
void cxl_open_protected(lua_State *L, int globals);
void cxl_open_files(lua_State *L, int globals, int writer);
/// Adds to the library io and to the methods of files.
void cxl_open_reading(lua_State *L, int io);
void cxl_open_require(lua_State *L, int globals, int finder);
#endif
