#include "internal.h"

// pcall, xpcall and coroutines that a stop passes through. Lua's own would let a script catch it and go on.

static int finish_pcall(lua_State *L, int status, lua_KContext skipped) {
    cx_lua *lua = cxl_host(L);
    cxl_note_memory(L, lua, status);
    cxl_check_stop(L, lua);
    if (status == LUA_OK || status == LUA_YIELD) return lua_gettop(L) - (int)skipped;
    lua_pushboolean(L, 0);
    lua_pushvalue(L, -2);
    return 2;
}

static int protected_call(lua_State *L) {
    luaL_checkany(L, 1);
    cxl_check_stop(L, cxl_host(L));
    lua_pushboolean(L, 1);
    lua_insert(L, 1);
    int status = lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, 0, finish_pcall);
    return finish_pcall(L, status, 0);
}

/// Hooks are off while the error of a hook is handled: a handler of the script could then run for ever.
static int handle_unless_stopped(lua_State *L) {
    if (cxl_host(L)->stop) return 1;
    lua_settop(L, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

static int protected_call_with_handler(lua_State *L) {
    int count = lua_gettop(L);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    cxl_check_stop(L, cxl_host(L));
    lua_pushvalue(L, 2);
    lua_pushcclosure(L, handle_unless_stopped, 1);
    lua_replace(L, 2);
    lua_pushboolean(L, 1);
    lua_pushvalue(L, 1);
    lua_rotate(L, 3, 2);
    int status = lua_pcallk(L, count - 2, LUA_MULTRET, 2, 2, finish_pcall);
    return finish_pcall(L, status, 2);
}

static lua_State *check_coroutine(lua_State *L) {
    lua_State *coroutine = lua_tothread(L, 1);
    luaL_argexpected(L, coroutine, 1, "coroutine");
    return coroutine;
}

/// Resumes with the top `count` values, and leaves the results, or the error and a negative number.
static int resume(lua_State *L, lua_State *coroutine, int count) {
    cx_lua *lua = cxl_host(L);
    if (!lua_checkstack(coroutine, count)) {
        lua_pushliteral(L, "too many arguments to resume");
        return -1;
    }
    cxl_check_stop(L, lua);
    lua_xmove(L, coroutine, count);
    int results = 0;
    int status = lua_resume(coroutine, L, count, &results);
    cxl_note_memory(coroutine, lua, status);
    cxl_check_stop(L, lua);
    if (status == LUA_OK || status == LUA_YIELD) {
        if (!lua_checkstack(L, results + 1)) {
            lua_pop(coroutine, results);
            lua_pushliteral(L, "too many results to resume");
            return -1;
        }
        lua_xmove(coroutine, L, results);
        return results;
    }
    lua_xmove(coroutine, L, 1);
    return -1;
}

static int coroutine_resume(lua_State *L) {
    lua_State *coroutine = check_coroutine(L);
    int results = resume(L, coroutine, lua_gettop(L) - 1);
    lua_pushboolean(L, results >= 0);
    lua_insert(L, results >= 0 ? -(results + 1) : -2);
    return results >= 0 ? results + 1 : 2;
}

/// Closes the pending variables of a coroutine. Their `__close` may close others, each on C's stack, uncounted by Lua.
static int close_coroutine(lua_State *L, lua_State *coroutine) {
    cx_lua *lua = cxl_host(L);
    cxl_check_stop(L, lua);
    if (lua->closes >= CXL_MOST_CLOSES)
        return luaL_error(L, "C stack overflow (coroutines that close coroutines, more than %d deep)", CXL_MOST_CLOSES);
    lua->closes++;
    int status = lua_resetthread(coroutine);
    lua->closes--;
    cxl_note_memory(coroutine, lua, status);
    cxl_check_stop(L, lua);
    return status;
}

static int call_wrapped(lua_State *L) {
    lua_State *coroutine = lua_tothread(L, lua_upvalueindex(1));
    int results = resume(L, coroutine, lua_gettop(L));
    if (results >= 0) return results;
    int status = lua_status(coroutine);
    if (status != LUA_OK && status != LUA_YIELD) {
        lua_pop(L, 1);
        // The error went to this stack; the coroutine gets it back, for its `__close` handlers.
        status = close_coroutine(L, coroutine);
        lua_xmove(coroutine, L, 1);
    }
    if (status != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING) {
        luaL_where(L, 1);
        lua_insert(L, -2);
        lua_concat(L, 2);
    }
    return lua_error(L);
}

static int coroutine_wrap(lua_State *L) {
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_State *coroutine = lua_newthread(L);
    lua_pushvalue(L, 1);
    lua_xmove(L, coroutine, 1);
    lua_pushcclosure(L, call_wrapped, 1);
    return 1;
}

static const char *status_name(lua_State *L, lua_State *coroutine) {
    if (L == coroutine) return "running";
    switch (lua_status(coroutine)) {
    case LUA_YIELD: return "suspended";
    case LUA_OK: {
        lua_Debug record;
        if (lua_getstack(coroutine, 0, &record)) return "normal";
        return lua_gettop(coroutine) == 0 ? "dead" : "suspended";
    }
    default: return "dead";
    }
}

static int coroutine_close(lua_State *L) {
    lua_State *coroutine = check_coroutine(L);
    const char *status = status_name(L, coroutine);
    if (*status == 'r' || *status == 'n') return luaL_error(L, "cannot close a %s coroutine", status);
    if (close_coroutine(L, coroutine) == LUA_OK) {
        lua_pushboolean(L, 1);
        return 1;
    }
    lua_pushboolean(L, 0);
    lua_xmove(coroutine, L, 1);
    return 2;
}

void cxl_open_protected(lua_State *L, int globals) {
    lua_pushcfunction(L, protected_call);
    lua_setfield(L, globals, "pcall");
    lua_pushcfunction(L, protected_call_with_handler);
    lua_setfield(L, globals, "xpcall");
    lua_getfield(L, globals, "coroutine");
    static const luaL_Reg functions[] = {
        {"resume", coroutine_resume}, {"wrap", coroutine_wrap}, {"close", coroutine_close}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    lua_pop(L, 1);
}
