#include <stdlib.h>
#include <string.h>

#include "internal.h"

// The globals of a script: an allow-list, so that another Lua version cannot add to it, with our own versions of what
// would let a script out.

enum { LONGEST_SOURCE = 16 << 20 };

static const char *const base_names[] = {"assert", "error", "getmetatable", "ipairs", "load", "next", "rawequal",
                                         "rawget", "rawlen", "rawset", "select", "setmetatable", "tonumber",
                                         "tostring", "type", "warn", "_VERSION", NULL};
static const char *const string_names[] = {"byte", "char", "find", "format", "gmatch", "gsub", "len", "lower", "match",
                                           "pack", "packsize", "rep", "reverse", "sub", "unpack", "upper", NULL};
static const char *const table_names[] = {"concat", "insert", "move", "pack", "remove", "sort", "unpack", NULL};
static const char *const math_names[] = {"abs", "acos", "asin", "atan", "ceil", "cos", "deg", "exp", "floor", "fmod",
                                         "huge", "log", "max", "maxinteger", "min", "mininteger", "modf", "pi", "rad",
                                         "random", "randomseed", "sin", "sqrt", "tan", "tointeger", "type", "ult",
                                         NULL};
static const char *const utf8_names[] = {"char", "charpattern", "codepoint", "codes", "len", "offset", NULL};
static const char *const coroutine_names[] = {"create", "isyieldable", "running", "status", "yield", NULL};
static const char *const os_names[] = {"clock", "date", "difftime", "getenv", "time", NULL};
static const char *const debug_names[] = {"traceback", NULL};

/// Opens a library and pushes a table with just the named functions of it.
static void push_selection(lua_State *L, lua_CFunction open, const char *const *names) {
    lua_newtable(L);
    lua_pushcfunction(L, open);
    lua_call(L, 0, 1);
    for (; *names; names++) {
        lua_getfield(L, -1, *names);
        lua_setfield(L, -3, *names);
    }
    lua_pop(L, 1);
}

/// Calls the function of upvalue 1 in this function's own frame, so that its errors name the right arguments.
static int call_original(lua_State *L) { return lua_tocfunction(L, lua_upvalueindex(1))(L); }

static int number_item(lua_State *L) {
    luaL_checktype(L, 1, LUA_TNUMBER);
    lua_settop(L, 1);
    return 1;
}

/// Numbers have one method, `item`: code that reduces an array and then asks for its only element works, whether the
/// reduction gave an array of one element or the number itself.
static void open_numbers(lua_State *L) {
    lua_pushinteger(L, 0);
    lua_newtable(L);
    lua_newtable(L);
    lua_pushcfunction(L, number_item);
    lua_setfield(L, -2, "item");
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    lua_pop(L, 1);
}

static int set_metatable(lua_State *L) {
    if (lua_istable(L, 2)) {
        lua_pushliteral(L, "__gc");
        if (lua_rawget(L, 2) != LUA_TNIL)
            return luaL_error(L, "'__gc' is not for scripts (use a '<close>' variable and '__close')");
        lua_pop(L, 1);
    }
    return call_original(L);
}

static int raw_set(lua_State *L) {
    if (cxl_push_behind(L, 1)) return luaL_error(L, "attempt to change a read-only table");
    return call_original(L);
}

/// For functions that read tables raw: a read-only table reads as what is behind it.
static int look_behind(lua_State *L) {
    if (cxl_push_behind(L, 1)) lua_replace(L, 1);
    return call_original(L);
}

static int pairs(lua_State *L) {
    luaL_checkany(L, 1);
    if (luaL_getmetafield(L, 1, "__pairs") != LUA_TNIL) {
        lua_pushvalue(L, 1);
        lua_call(L, 1, 3);
        return 3;
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    return cxl_pairs(L);
}

/// `load`, of text only: broken bytecode can break the interpreter.
static int load_text(lua_State *L) {
    size_t length = 0;
    if (lua_type(L, 1) == LUA_TSTRING) lua_tolstring(L, 1, &length);
    if (length > LONGEST_SOURCE) return luaL_error(L, "a chunk of %I bytes is too long", (LUAI_UACINT)length);
    const char *mode = luaL_optstring(L, 3, "t");
    if (!strchr(mode, 't')) {
        lua_pushnil(L);
        lua_pushfstring(L, "only text can be loaded (mode is '%s')", mode);
        return 2;
    }
    if (lua_gettop(L) < 3) lua_settop(L, 3);
    lua_pushliteral(L, "t");
    lua_replace(L, 3);
    return call_original(L);
}

static int collect_garbage(lua_State *L) {
    static const char *const options[] = {"collect", "count", "step", NULL};
    switch (luaL_checkoption(L, 1, "collect", options)) {
    case 0:
        lua_gc(L, LUA_GCCOLLECT, 0);
        lua_pushinteger(L, 0);
        return 1;
    case 1:
        lua_pushnumber(L, (lua_Number)cxl_host(L)->bytes / 1024);
        return 1;
    default:
        lua_pushboolean(L, lua_gc(L, LUA_GCSTEP, 0));
        return 1;
    }
}

static void wrap(lua_State *L, int globals, const char *name, lua_CFunction function) {
    lua_getfield(L, globals, name);
    lua_pushcclosure(L, function, 1);
    lua_setfield(L, globals, name);
}

void cxl_open_base(lua_State *L) {
    push_selection(L, luaopen_base, base_names);
    int globals = lua_gettop(L);
    static const struct {
        const char *name;
        lua_CFunction open;
        const char *const *names;
    } libraries[] = {
        {"string", luaopen_string, string_names}, {"table", luaopen_table, table_names},
        {"math", luaopen_math, math_names},       {"utf8", luaopen_utf8, utf8_names},
        {"coroutine", luaopen_coroutine, coroutine_names}, {"os", luaopen_os, os_names},
        {"debug", luaopen_debug, debug_names},
    };
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        push_selection(L, libraries[i].open, libraries[i].names);
        lua_setfield(L, globals, libraries[i].name);
    }
    lua_pushvalue(L, globals);
    lua_setfield(L, globals, "_G");

    // The methods of strings come from the selection, and scripts cannot get at their metatable.
    lua_pushliteral(L, "");
    lua_getmetatable(L, -1);
    lua_getfield(L, globals, "string");
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 2);

    open_numbers(L);
    wrap(L, globals, "setmetatable", set_metatable);
    wrap(L, globals, "rawset", raw_set);
    wrap(L, globals, "rawget", look_behind);
    wrap(L, globals, "rawlen", look_behind);
    wrap(L, globals, "next", look_behind);
    wrap(L, globals, "load", load_text);
    lua_pushcfunction(L, pairs);
    lua_setfield(L, globals, "pairs");
    lua_pushcfunction(L, collect_garbage);
    lua_setfield(L, globals, "collectgarbage");

    // Lua seeds its generator from the clock; a run must come out the same each time.
    lua_getfield(L, globals, "math");
    lua_getfield(L, -1, "randomseed");
    lua_pushinteger(L, 0);
    lua_call(L, 1, 0);
    lua_pop(L, 1);
}
