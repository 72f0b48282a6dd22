#include <string.h>

#include "internal.h"

// The count hook does not fire inside C functions, so a loop of long calls (`s:reverse()` of 50 MB) would be looked at
// once in a thousand of them. Here each call of these libraries looks first, and the loops of the table library that
// a false `__len` could make endless look while they run.

static int look_first(lua_State *L) {
    cx_lua *lua = cxl_host(L);
    if (lua->stop || cx_stop_requested()) cxl_check_stop(L, lua);
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

/// `string.rep`, which counts to n even where there is nothing to repeat.
static int repeat_string(lua_State *L) {
    size_t length, separator;
    luaL_checklstring(L, 1, &length);
    luaL_checkinteger(L, 2);
    luaL_optlstring(L, 3, "", &separator);
    if (length == 0 && separator == 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    return look_first(L);
}

static void look_now_and_then(lua_State *L, lua_Unsigned step) {
    if (step % 4096 == 0) cxl_check_stop(L, cxl_host(L));
}

static void check_table(lua_State *L, int index) {
    if (!lua_istable(L, index) && !lua_isuserdata(L, index)) luaL_checktype(L, index, LUA_TTABLE);
}

static int table_insert(lua_State *L) {
    check_table(L, 1);
    lua_Integer end = (lua_Integer)((lua_Unsigned)luaL_len(L, 1) + 1);
    lua_Integer position = end;
    int count = lua_gettop(L);
    if (count == 3) {
        position = luaL_checkinteger(L, 2);
        luaL_argcheck(L, (lua_Unsigned)position - 1u < (lua_Unsigned)end, 2, "position out of bounds");
        lua_Unsigned step = 0;
        for (lua_Integer i = end; i > position; i--) {
            look_now_and_then(L, step++);
            lua_geti(L, 1, i - 1);
            lua_seti(L, 1, i);
        }
    } else if (count != 2) {
        return luaL_error(L, "wrong number of arguments to 'insert'");
    }
    lua_seti(L, 1, position);
    return 0;
}

static int table_remove(lua_State *L) {
    check_table(L, 1);
    lua_Integer size = luaL_len(L, 1);
    lua_Integer position = luaL_optinteger(L, 2, size);
    if (lua_gettop(L) >= 2 && position != size)
        luaL_argcheck(L, (lua_Unsigned)position - 1u <= (lua_Unsigned)size, 2, "position out of bounds");
    lua_geti(L, 1, position);
    lua_Unsigned step = 0;
    for (; position < size; position++) {
        look_now_and_then(L, step++);
        lua_geti(L, 1, position + 1);
        lua_seti(L, 1, position);
    }
    lua_pushnil(L);
    lua_seti(L, 1, position);
    return 1;
}

static int table_move(lua_State *L) {
    lua_Integer first = luaL_checkinteger(L, 2);
    lua_Integer last = luaL_checkinteger(L, 3);
    lua_Integer to = luaL_checkinteger(L, 4);
    int target = lua_isnoneornil(L, 5) ? 1 : 5;
    check_table(L, 1);
    check_table(L, target);
    if (last >= first) {
        luaL_argcheck(L, first > 0 || last < LUA_MAXINTEGER + first, 3, "too many elements to move");
        lua_Integer count = last - first + 1;
        luaL_argcheck(L, to <= LUA_MAXINTEGER - count + 1, 4, "destination wrap around");
        bool upwards = to > last || to <= first || (target != 1 && !lua_compare(L, 1, target, LUA_OPEQ));
        for (lua_Integer i = 0; i < count; i++) {
            lua_Integer offset = upwards ? i : count - 1 - i;
            look_now_and_then(L, (lua_Unsigned)i);
            lua_geti(L, 1, first + offset);
            lua_seti(L, target, to + offset);
        }
    }
    lua_pushvalue(L, target);
    return 1;
}

static void guard_all(lua_State *L, int library) {
    lua_pushnil(L);
    while (lua_next(L, library)) {
        if (lua_iscfunction(L, -1)) {
            lua_pushvalue(L, -2);
            lua_insert(L, -2);
            lua_pushcclosure(L, look_first, 1);
            lua_rawset(L, library);
        } else {
            lua_pop(L, 1);
        }
    }
}

void cxl_open_guarded(lua_State *L, int globals) {
    static const char *const libraries[] = {"string", "table", "utf8"};
    for (int i = 0; i < 3; i++) {
        lua_getfield(L, globals, libraries[i]);
        int library = lua_gettop(L);
        if (i == 0) {
            lua_getfield(L, library, "rep");
            lua_pushcclosure(L, repeat_string, 1);
        }
        guard_all(L, library);
        if (i == 0) lua_setfield(L, library, "rep");
        if (i == 1) {
            static const luaL_Reg functions[] = {
                {"insert", table_insert}, {"move", table_move}, {"remove", table_remove}, {NULL, NULL}};
            luaL_setfuncs(L, functions, 0);
        }
        lua_pop(L, 1);
    }
}
