#include <string.h>

#include "internal.h"

// `require`: the modules that the program registered, then Lua text from the search folders, and nothing else.

const char cxl_modules = 0;         // registry: name → what require gives
static const char module_tables;    // registry: name → the table behind a registered module's read-only view

enum { MODULES = 1, LOADING, FINDER };

/// Upvalues: the table of names that are being loaded, a name.
static int forget_loading(lua_State *L) {
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_pushnil(L);
    lua_rawset(L, lua_upvalueindex(1));
    return 0;
}

/// Marks a module as being loaded until the caller returns or fails.
static void mark_loading(lua_State *L) {
    lua_pushvalue(L, 1);
    lua_pushboolean(L, 1);
    lua_rawset(L, lua_upvalueindex(LOADING));
    lua_newtable(L);
    lua_newtable(L);
    lua_pushvalue(L, lua_upvalueindex(LOADING));
    lua_pushvalue(L, 1);
    lua_pushcclosure(L, forget_loading, 2);
    lua_setfield(L, -2, "__close");
    lua_setmetatable(L, -2);
    lua_toclose(L, -1);
}

static int require(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    lua_settop(L, 1);
    cx_lua *lua = cxl_host(L);
    if (lua->callbacks.required) lua->callbacks.required(lua->callbacks.context, cxl_caller_path(L), name);
    lua_pushvalue(L, 1);
    if (lua_rawget(L, lua_upvalueindex(MODULES)) != LUA_TNIL) return 1;
    lua_pushvalue(L, 1);
    if (lua_rawget(L, lua_upvalueindex(LOADING)) != LUA_TNIL)
        return luaL_error(L, "module '%s' requires itself", lua_tostring(L, 1));
    lua_settop(L, 1);
    lua_pushvalue(L, lua_upvalueindex(FINDER));
    lua_pushvalue(L, 1);
    lua_call(L, 1, 2);
    enum { PATH = 2, SOURCE };
    size_t length;
    const char *source = luaL_checklstring(L, SOURCE, &length);
    const char *chunk_name = lua_pushfstring(L, "@%s", luaL_checkstring(L, PATH));
    mark_loading(L);
    if (luaL_loadbufferx(L, source, length, chunk_name, "t") != LUA_OK) return lua_error(L);
    lua_pushvalue(L, 1);
    lua_pushvalue(L, PATH);
    lua_call(L, 2, 1);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_pushboolean(L, 1);
    }
    lua_pushvalue(L, 1);
    lua_pushvalue(L, -2);
    lua_rawset(L, lua_upvalueindex(MODULES));
    return 1;
}

/// Adds the table on top as a module, and gives it back. A module that stands already takes the fields over.
static void add_module(lua_State *L, const char *name) {
    luaL_checkstack(L, 8, NULL);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &module_tables);
    if (lua_getfield(L, -1, name) == LUA_TTABLE) {
        lua_pushnil(L);
        while (lua_next(L, -4)) {
            lua_pushvalue(L, -2);
            lua_insert(L, -2);
            lua_rawset(L, -4);
        }
        lua_replace(L, -3);
        lua_pop(L, 1);
    } else {
        lua_pop(L, 1);
        lua_pushvalue(L, -2);
        lua_setfield(L, -2, name);
        lua_rawgetp(L, LUA_REGISTRYINDEX, &cxl_modules);
        lua_pushvalue(L, -3);
        cxl_make_read_only(L);
        lua_setfield(L, -2, name);
        lua_pop(L, 2);
    }
}

static int module(lua_State *L) {
    const char *name = lua_touserdata(L, 1);
    cx_lua *lua = cxl_host(L);
    if (cxl_push(L, &lua->frames[lua->depth]->input) != 1) return luaL_error(L, "a module is one table");
    add_module(L, name);
    const char *dot = strrchr(name, '.');
    if (!dot) return 0;
    lua_newtable(L);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &cxl_modules);
    lua_getfield(L, -1, name);
    lua_setfield(L, -3, dot + 1);
    lua_pop(L, 1);
    lua_pushlstring(L, name, (size_t)(dot - name));
    const char *parent = lua_tostring(L, -1);
    lua_insert(L, -2);
    add_module(L, parent);
    return 0;
}

int cx_lua_module(cx_lua *lua, const char *name) { return cxl_protect(lua, module, (void *)name, false); }

void cxl_open_require(lua_State *L, int globals, int finder) {
    lua_newtable(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &module_tables);
    lua_newtable(L);
    static const char *const libraries[] = {"string", "table", "math", "utf8", "coroutine", "os", "io", "debug", NULL};
    for (int i = 0; libraries[i]; i++) {
        lua_getfield(L, globals, libraries[i]);
        lua_setfield(L, -2, libraries[i]);
    }
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &cxl_modules);
    lua_newtable(L);
    lua_pushvalue(L, finder);
    lua_pushcclosure(L, require, 3);
    lua_setfield(L, globals, "require");
}
