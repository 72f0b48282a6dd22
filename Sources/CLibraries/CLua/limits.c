#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "internal.h"

// The limits on memory, time and instructions, and the interrupt. All end in the same way: a reason to stop that stays
// until the outermost call has ended, and that no script can catch.

double cxl_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int64_t cxl_outside_bytes(const cx_lua *lua) {
    return lua->callbacks.outside_bytes ? lua->callbacks.outside_bytes() : 0;
}

void *cxl_allocate(void *opaque, void *block, size_t old_size, size_t new_size) {
    cx_lua *lua = opaque;
    if (!block) old_size = 0;  // it is a type's number then
    if (new_size == 0) {
        free(block);
        lua->bytes -= (int64_t)old_size;
        return NULL;
    }
    if (new_size > old_size) {
        int64_t limit = lua->limits.memory;
        if (limit && !lua->stop) {  // a script that is being stopped gets what its traceback needs
            int64_t free_bytes = limit - lua->bytes - cxl_outside_bytes(lua);
            if (free_bytes < 0 || new_size - old_size > (size_t)free_bytes) {
                lua->refused = true;
                return NULL;
            }
        }
        if (lua->fail_after >= 0 && lua->fail_after-- == 0) {
            lua->fail_after = 0;
            return NULL;
        }
    }
    void *moved = realloc(block, new_size);
    if (!moved) return new_size <= old_size ? block : NULL;  // shrinking must not fail
    lua->bytes += (int64_t)new_size - (int64_t)old_size;
    return moved;
}

int cxl_stop(cx_lua *lua) {
    if (lua->stop) return lua->stop;
    lua->stop = cx_stop_requested();
    double deadline = atomic_load_explicit(&lua->alarm.deadline, memory_order_relaxed);
    if (!lua->stop && deadline > 0 && cxl_now() >= deadline) lua->stop = CX_STOP_TIME_LIMIT;
    return lua->stop;
}

static const char stop_texts[CX_STOP_REASONS];

void cxl_open_stops(lua_State *L) {
    // The texts are made once, because there may be no memory for them when they are wanted.
    for (int reason = 0; reason < CX_STOP_REASONS; reason++) {
        lua_pushstring(L, cx_stop_text(reason));
        lua_rawsetp(L, LUA_REGISTRYINDEX, &stop_texts[reason]);
    }
}

int cxl_raise_stop(lua_State *L, cx_lua *lua) {
    int reason = lua->stop > 0 && lua->stop < CX_STOP_REASONS ? lua->stop : 0;
    lua_settop(L, 0);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &stop_texts[reason]);
    return lua_error(L);
}

void cxl_check_stop(lua_State *L, cx_lua *lua) {
    if (cxl_stop(lua)) cxl_raise_stop(L, lua);
}

void cxl_hook(lua_State *L, lua_Debug *record) {
    (void)record;
    cx_lua *lua = cxl_host(L);
    int interval = lua_gethookcount(L);
    lua->instructions += interval;
    if (!cxl_stop(lua)) {
        if (!lua->limits.instructions || lua->instructions < lua->limits.instructions) return;
        lua->stop = CX_STOP_INSTRUCTION_LIMIT;
    }
    // From here on a handler or a `__close` that goes on is stopped at its first instruction.
    if (interval != 1) lua_sethook(L, cxl_hook, LUA_MASKCOUNT, 1);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &stop_texts[lua->stop > 0 && lua->stop < CX_STOP_REASONS ? lua->stop : 0]);
    lua_error(L);
}

void cxl_note_memory(lua_State *L, cx_lua *lua, int status) {
    if (!lua->refused || lua->stop || status == LUA_OK || status == LUA_YIELD) return;
    // The string buffer raises an ordinary error where memory is refused.
    bool refused = status == LUA_ERRMEM || status == LUA_ERRERR;
    if (status == LUA_ERRRUN && lua_type(L, -1) == LUA_TSTRING) {
        size_t length;
        const char *text = lua_tolstring(L, -1, &length);
        const char *wanted = "not enough memory";
        refused = length >= strlen(wanted) && strcmp(text + length - strlen(wanted), wanted) == 0;
    }
    if (refused) lua->stop = CX_STOP_MEMORY_LIMIT;
}

void cx_lua_restart_clock(cx_lua *lua) {
    lua->instructions = 0;
    lua->clock_started = true;
    atomic_store(&lua->alarm.deadline, lua->limits.seconds > 0 ? cxl_now() + lua->limits.seconds : 0);
    lua_sethook(lua->main, cxl_hook, LUA_MASKCOUNT, CXL_HOOK_INTERVAL);
}

int cx_lua_stop(const cx_lua *lua) { return lua->stop; }
int64_t cx_lua_error_value(const cx_lua *lua) { return lua->error_value; }
int64_t cx_lua_external_bytes(const cx_lua *lua) { return lua->external; }
void cx_lua_fail_after(cx_lua *lua, int64_t count) { lua->fail_after = count; }
