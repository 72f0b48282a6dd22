#include <stdlib.h>
#include <string.h>

#include "internal.h"

// Calls from Swift into Lua, all of them protected.

static void describe_failure(lua_State *L, cx_lua *lua, cx_tape *output) {
    cxl_tape_clear(L, output);
    size_t length = 0;
    const char *text = lua->stop ? cx_stop_text(lua->stop) : NULL;
    if (text) {
        length = strlen(text);
    } else if (lua_type(L, -1) == LUA_TSTRING) {
        text = lua_tolstring(L, -1, &length);
    } else {
        text = "an error in the handling of an error";
        length = strlen(text);
    }
    cxl_tape_text(output, text, length);
    if (lua->traceback)
        cxl_tape_text(output, lua->traceback, strlen(lua->traceback));
    else
        cxl_tape_add(output, CX_NIL);
    if (lua->error_line > 0) {
        cxl_tape_text(output, lua->error_source, strlen(lua->error_source));
        cxl_tape_add(output, CX_INTEGER)->integer = lua->error_line;
    }
    cxl_tape_finish(output);
}

static void forget_failure(cx_lua *lua) {
    free(lua->traceback);
    lua->traceback = NULL;
    lua->error_line = 0;
}

static void fail_plainly(cx_lua *lua, const char *text) {
    cx_tape *output = &lua->frames[lua->depth]->output;
    cxl_tape_text(output, text, strlen(text));
    cxl_tape_finish(output);
}

int cxl_protect(cx_lua *lua, lua_CFunction function, void *request, bool runs_script) {
    lua_State *L = lua->current;
    cx_tape *output = &lua->frames[lua->depth]->output;
    cxl_tape_clear(L, output);
    if (lua->releasing) {
        fail_plainly(lua, "Lua cannot be called while an object is being released");
        return CX_FAILED;
    }
    int top = lua_gettop(L);
    if (!lua_checkstack(L, LUA_MINSTACK)) {
        fail_plainly(lua, "not enough memory");
        return CX_FAILED;
    }
    if (lua->running == 0) {
        lua->stop = 0;
        lua->refused = false;
        lua->closes = 0;
    }
    if (runs_script && lua->running++ == 0) {
        if (!lua->clock_started) cx_lua_restart_clock(lua);
        lua_sethook(L, cxl_hook, LUA_MASKCOUNT, CXL_HOOK_INTERVAL);
        cx_work_begin();
        cxl_alarm_begin(lua);
    }
    forget_failure(lua);
    lua->error_value = 0;
    lua_pushcfunction(L, cxl_message_handler);
    lua_pushcfunction(L, function);
    lua_pushlightuserdata(L, request);
    int status = lua_pcall(L, 1, 0, top + 1);
    if (runs_script) {
        cxl_note_memory(L, lua, status);
        cxl_stop(lua);
    }
    bool failed = status != LUA_OK || (runs_script && lua->stop);
    if (failed) describe_failure(L, lua, output);
    forget_failure(lua);
    lua_settop(L, top);
    if (runs_script && --lua->running == 0) {
        cxl_alarm_end(lua);
        lua_pushboolean(L, false);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &cxl_error_value);
        // A limit of this host is no reason to stop what comes after it; an interrupt is its owner's to clear, and so is a
        // file that was cut: objects that view it hold zeros now. The alarm may have gone off when all was done.
        int asked = cx_stop_requested();
        double deadline = atomic_load(&lua->alarm.deadline);
        bool late = asked == CX_STOP_TIME_LIMIT && deadline > 0 && cxl_now() >= deadline;
        bool limit = lua->stop && lua->stop != CX_STOP_INTERRUPT && lua->stop != CX_STOP_FILE_CHANGED;
        if (late || (limit && asked == lua->stop)) cx_clear_stop();
        cx_work_end();
    }
    return failed ? CX_FAILED : CX_DONE;
}

struct load_request {
    const char *text, *chunk_name;
    size_t length;
    int32_t reference;
    bool incomplete;
};

static int load(lua_State *L) {
    struct load_request *request = lua_touserdata(L, 1);
    int status = luaL_loadbufferx(L, request->text, request->length, request->chunk_name, "t");
    if (status != LUA_OK) {
        size_t length;
        const char *message = lua_tolstring(L, -1, &length);
        bool at_end = message && length >= 5 && strcmp(message + length - 5, "<eof>") == 0;
        request->incomplete = status == LUA_ERRSYNTAX && at_end;
        return lua_error(L);
    }
    request->reference = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

int cx_lua_load(cx_lua *lua, const char *text, size_t length, const char *chunk_name, int32_t *reference) {
    struct load_request request = {text, chunk_name, length, LUA_NOREF, false};
    int status = cxl_protect(lua, load, &request, false);
    *reference = request.reference;
    return status != CX_DONE && request.incomplete ? CX_INCOMPLETE : status;
}

static void push_function(lua_State *L, int32_t reference) {
    if (lua_rawgeti(L, LUA_REGISTRYINDEX, reference) != LUA_TFUNCTION) luaL_error(L, "this function was released");
}

static int call(lua_State *L) {
    const int32_t *reference = lua_touserdata(L, 1);
    cx_lua *lua = cxl_host(L);
    struct cxl_frame *frame = lua->frames[lua->depth];
    cxl_check_stop(L, lua);
    push_function(L, *reference);
    lua_call(L, cxl_push(L, &frame->input), LUA_MULTRET);
    int count = lua_gettop(L);
    for (int i = 2; i <= count; i++) cxl_read(L, i, &frame->output, true);
    cxl_tape_finish(&frame->output);
    return 0;
}

int cx_lua_call(cx_lua *lua, int32_t reference) { return cxl_protect(lua, call, &reference, true); }

static int evaluate(lua_State *L) {
    const int32_t *reference = lua_touserdata(L, 1);
    cx_lua *lua = cxl_host(L);
    cx_tape *output = &lua->frames[lua->depth]->output;
    cxl_check_stop(L, lua);
    push_function(L, *reference);
    lua_call(L, 0, LUA_MULTRET);
    int count = lua_gettop(L);
    luaL_checkstack(L, 8, "too many results");
    for (int i = 2; i <= count; i++) {
        luaL_tolstring(L, i, NULL);
        cxl_read(L, -1, output, true);
        cxl_read(L, cxl_can_cross(L, i) ? i : -1, output, true);
        lua_pop(L, 1);
    }
    cxl_tape_finish(output);
    return 0;
}

int cx_lua_evaluate(cx_lua *lua, int32_t reference) { return cxl_protect(lua, evaluate, &reference, true); }

static int set_global(lua_State *L) {
    const char *name = lua_touserdata(L, 1);
    cx_lua *lua = cxl_host(L);
    lua_pushglobaltable(L);
    lua_pushstring(L, name);
    if (cxl_push(L, &lua->frames[lua->depth]->input) != 1) return luaL_error(L, "a global has one value");
    lua_rawset(L, -3);
    return 0;
}

int cx_lua_set_global(cx_lua *lua, const char *name) { return cxl_protect(lua, set_global, (void *)name, false); }

const char *cx_lua_function_path(cx_lua *lua, int32_t reference) {
    lua_State *L = lua->current;
    if (!lua_checkstack(L, 4)) return NULL;
    lua_Debug place;
    if (lua_rawgeti(L, LUA_REGISTRYINDEX, reference) != LUA_TFUNCTION) {
        lua_pop(L, 1);
        return NULL;
    }
    lua_getinfo(L, ">S", &place);
    return *place.source == '@' ? place.source + 1 : NULL;
}

void cx_lua_release(cx_lua *lua, int32_t reference) {
    if (lua_checkstack(lua->current, 4)) luaL_unref(lua->current, LUA_REGISTRYINDEX, reference);
}

static bool is_name(const char *text) {
    return (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') || *text == '_';
}

/// Adds the string keys of the table at an index to the output.
static void add_names(lua_State *L, int index, cx_tape *output) {
    index = lua_absindex(L, index);
    lua_pushnil(L);
    while (lua_next(L, index)) {
        lua_pop(L, 1);
        if (lua_type(L, -1) == LUA_TSTRING && is_name(lua_tostring(L, -1))) cxl_read(L, -1, output, true);
    }
}

/// Replaces the value on top by the table that its names are in, or gives false.
static bool open_value(lua_State *L) {
    if (lua_type(L, -1) == LUA_TTABLE) {
        if (cxl_push_behind(L, -1)) lua_remove(L, -2);
        return true;
    }
    if (lua_type(L, -1) == LUA_TSTRING && luaL_getmetafield(L, -1, "__index") == LUA_TTABLE) {
        lua_remove(L, -2);
        return true;
    }
    return false;
}

static int members(lua_State *L) {
    cx_lua *lua = cxl_host(L);
    struct cxl_frame *frame = lua->frames[lua->depth];
    int count = cxl_push(L, &frame->input);
    lua_pushglobaltable(L);
    for (int i = 0; i < count; i++) {
        if (!open_value(L)) return 0;
        lua_pushvalue(L, 2 + i);
        lua_rawget(L, -2);
        lua_remove(L, -2);
    }
    if (open_value(L)) {
        add_names(L, -1, &frame->output);
    } else if (cxl_object_at(L, -1) && luaL_getmetafield(L, -1, "__index") == LUA_TFUNCTION) {
        for (int upvalue = 1; upvalue <= 2 && lua_getupvalue(L, -1, upvalue); upvalue++) {
            add_names(L, -1, &frame->output);
            lua_pop(L, 1);
        }
    }
    cxl_tape_finish(&frame->output);
    return 0;
}

int cx_lua_members(cx_lua *lua) { return cxl_protect(lua, members, NULL, false); }
