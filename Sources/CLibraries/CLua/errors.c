#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

enum { DEEPEST_LOOK = 100 };

/// Finds the innermost Lua function that is at a line.
static bool find_place(lua_State *L, lua_Debug *place) {
    for (int level = 0; level < DEEPEST_LOOK && lua_getstack(L, level, place); level++) {
        lua_getinfo(L, "Sl", place);
        if (place->currentline > 0) return true;
    }
    return false;
}

void cxl_push_place(lua_State *L) {
    lua_Debug place;
    if (find_place(L, &place))
        lua_pushfstring(L, "%s:%d: ", place.short_src, place.currentline);
    else
        lua_pushliteral(L, "");
}

const char *cxl_caller_path(lua_State *L) {
    lua_Debug place;
    for (int level = 0; level < DEEPEST_LOOK && lua_getstack(L, level, &place); level++) {
        lua_getinfo(L, "St", &place);
        if (*place.what != 'C') return *place.source == '@' ? place.source + 1 : NULL;
        if (place.istailcall) return NULL;
    }
    return NULL;
}

const char *cx_lua_caller_path(cx_lua *lua) { return cxl_caller_path(lua->current); }

/// Turns the error value at index 1 into text.
static void render(lua_State *L) {
    if (lua_type(L, 1) == LUA_TSTRING) {
        lua_pushvalue(L, 1);
    } else if (lua_type(L, 1) == LUA_TNUMBER || luaL_getmetafield(L, 1, "__tostring") != LUA_TNIL) {
        luaL_tolstring(L, 1, NULL);
    } else if (lua_type(L, 1) == LUA_TTABLE && (lua_pushliteral(L, "message"), lua_rawget(L, 1)) == LUA_TSTRING) {
        // The habit of error objects with a message.
    } else {
        cxl_push_place(L);
        lua_pushfstring(L, "%s(error object is a %s value)", lua_tostring(L, -1), luaL_typename(L, 1));
    }
}

const char cxl_error_value;

/// Runs while the failed call's stack still exists: keeps its place and traceback, and gives the error as text.
int cxl_message_handler(lua_State *L) {
    cx_lua *lua = cxl_host(L);
    lua_settop(L, 1);
    lua_Debug place;
    lua->error_line = 0;
    if (find_place(L, &place)) {
        const char *source = *place.source == '@' || *place.source == '=' ? place.source + 1 : place.short_src;
        snprintf(lua->error_source, sizeof lua->error_source, "%s", source);
        lua->error_line = place.currentline;
    }
    // Kept where a native function called, so that it raises the same value again where it passes the error on.
    lua->error_value = 0;
    if (lua->depth > 0 && !lua->stop && lua_type(L, 1) != LUA_TSTRING && !lua_isnil(L, 1)) {
        lua_pushvalue(L, 1);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &cxl_error_value);
        lua->error_value = ++lua->error_values;
    }
    if (lua->stop)
        lua_pushstring(L, cx_stop_text(lua->stop));
    else
        render(L);
    free(lua->traceback);
    lua->traceback = NULL;
    if (lua_checkstack(L, 40)) {
        luaL_traceback(L, L, NULL, 1);
        lua->traceback = strdup(lua_tostring(L, -1));
        lua_pop(L, 1);
    }
    return 1;
}
