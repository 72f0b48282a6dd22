#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

static int panic(lua_State *L) {
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "unknown error";
    fprintf(stderr, "Lua raised outside a protected call, which is a bug of this program: %s\n", text);
    return 0;  // Lua aborts
}

static void warn(void *opaque, const char *text, int more) {
    (void)opaque;
    fputs(text, stderr);
    if (!more) fputc('\n', stderr);
}

cx_lua *cx_lua_open(struct cx_lua_limits limits, struct cx_callbacks callbacks) {
    // Lua compares strings and reads numbers by the locale; results must not depend on it.
    setlocale(LC_ALL, "C");
    cx_lua *lua = calloc(1, sizeof *lua);
    if (!lua) return NULL;
    lua->callbacks = callbacks;
    lua->fail_after = -1;
    // A moment that `time_t` does not hold would be one in the past, and the alarm's thread would spin.
    lua->limits.seconds = limits.seconds < 1e9 ? limits.seconds : 1e9;
    lua->limits.instructions = limits.instructions;
    if (!cxl_frame_at(lua, 0) || !(lua->main = lua_newstate(cxl_allocate, lua))) {
        free(lua->frames[0]);
        free(lua);
        return NULL;
    }
    lua->limits.memory = limits.memory;
    lua->current = lua->main;
    *(cx_lua **)lua_getextraspace(lua->main) = lua;
    lua_atpanic(lua->main, panic);
    lua_setwarnf(lua->main, warn, NULL);
    return lua;
}

static int install(lua_State *L) {
    cx_lua *lua = cxl_host(L);
    cxl_open_stops(L);
    cxl_open_objects(L);
    // The place for error values is made now, as there may be no memory for it when one is raised.
    lua_pushboolean(L, false);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &cxl_error_value);
    // Input: the finder of modules, the writer or nil, and `arg`.
    if (cxl_push(L, &lua->frames[lua->depth]->input) != 3) return luaL_error(L, "the sandbox has three parts");
    lua_remove(L, 1);
    enum { FINDER = 1, WRITER, ARGUMENTS, GLOBALS };
    cxl_open_base(L);
    lua_pushvalue(L, GLOBALS);
    lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    cxl_open_guarded(L, GLOBALS);
    cxl_open_protected(L, GLOBALS);
    cxl_open_files(L, GLOBALS, WRITER);
    cxl_open_require(L, GLOBALS, FINDER);
    lua_pushvalue(L, ARGUMENTS);
    lua_setfield(L, GLOBALS, "arg");
    // What the standard openers left behind is out of reach of scripts; let it go.
    lua_newtable(L);
    lua_setfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_gc(L, LUA_GCCOLLECT, 0);
    return 0;
}

int cx_lua_install(cx_lua *lua) { return cxl_protect(lua, install, NULL, false); }

void cx_lua_close(cx_lua *lua) {
    cxl_alarm_quit(lua);
    // Lua skips a finalizer that it has no memory to call, and the object behind it would stay for ever.
    lua->limits.memory = 0;
    lua->fail_after = -1;
    for (int depth = 0; depth <= CXL_MOST_DEPTH; depth++) {
        struct cxl_frame *frame = lua->frames[depth];
        if (!frame) continue;
        cxl_tape_free(lua->main, &frame->arguments);
        cxl_tape_free(lua->main, &frame->results);
        cxl_tape_free(lua->main, &frame->input);
        cxl_tape_free(lua->main, &frame->output);
    }
    lua_close(lua->main);
    for (int depth = 0; depth <= CXL_MOST_DEPTH; depth++) free(lua->frames[depth]);
    for (size_t i = 0; i < lua->folder_count; i++) free(lua->folders[i]);
    free(lua->folders);
    free(lua->traceback);
    free(lua);
}

bool cx_lua_running(const cx_lua *lua) { return lua->running > 0; }
int cx_lua_stack_height(const cx_lua *lua) { return lua_gettop(lua->main); }

bool cx_lua_allow_folder(cx_lua *lua, const char *path) {
    char **folders = realloc(lua->folders, (lua->folder_count + 1) * sizeof *folders);
    if (!folders) return false;
    lua->folders = folders;
    char *copy = strdup(path);
    if (!copy) return false;
    folders[lua->folder_count++] = copy;
    return true;
}
