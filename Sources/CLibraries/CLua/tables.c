#include <stdlib.h>
#include <string.h>

#include "internal.h"

// Read-only views of tables, and an order for pairs.
//
// Lua's own order of string keys changes from process to process. A script that sums over pairs(t), or that writes a
// row for each of them, would then give other results each time; so pairs visits keys in sorted order here.

const char cxl_read_only = 0;

static int refuse_write(lua_State *L) {
    if (lua_type(L, 2) == LUA_TSTRING)
        return luaL_error(L, "attempt to change the field '%s' of a read-only table", lua_tostring(L, 2));
    return luaL_error(L, "attempt to change a read-only table");
}

static int view_length(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)lua_rawlen(L, lua_upvalueindex(1)));
    return 1;
}

static int view_pairs(lua_State *L) {
    lua_settop(L, 0);
    lua_pushvalue(L, lua_upvalueindex(1));
    return cxl_pairs(L);
}

void cxl_make_read_only(lua_State *L) {
    luaL_checkstack(L, 8, "tables are nested too deeply");
    lua_createtable(L, 0, 0);
    lua_createtable(L, 0, 6);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, refuse_write);
    lua_setfield(L, -2, "__newindex");
    lua_pushvalue(L, -3);
    lua_pushcclosure(L, view_length, 1);
    lua_setfield(L, -2, "__len");
    lua_pushvalue(L, -3);
    lua_pushcclosure(L, view_pairs, 1);
    lua_setfield(L, -2, "__pairs");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pushvalue(L, -3);
    lua_rawsetp(L, -2, &cxl_read_only);
    lua_setmetatable(L, -2);
    lua_remove(L, -2);
}

bool cxl_push_behind(lua_State *L, int index) {
    index = lua_absindex(L, index);
    if (!lua_istable(L, index) || !lua_getmetatable(L, index)) return false;
    if (lua_rawgetp(L, -1, &cxl_read_only) == LUA_TTABLE) {
        lua_remove(L, -2);
        return true;
    }
    lua_pop(L, 2);
    return false;
}

struct key {
    int index;           // in the list of keys
    int rank;            // numbers before strings before the rest, which stay in Lua's order
    lua_Number number;
    const char *text;
    size_t length;
};

static int compare_keys(const void *left, const void *right) {
    const struct key *a = left, *b = right;
    if (a->rank != b->rank) return a->rank < b->rank ? -1 : 1;
    if (a->rank == 0 && a->number != b->number) return a->number < b->number ? -1 : 1;
    if (a->rank == 1) {
        size_t shared = a->length < b->length ? a->length : b->length;
        int order = memcmp(a->text, b->text, shared);
        if (order) return order;
        if (a->length != b->length) return a->length < b->length ? -1 : 1;
    }
    return a->index < b->index ? -1 : 1;
}

/// The step of sorted pairs. Upvalues: the table, the keys in order (a list), how many there are, how many were given.
static int sorted_next(lua_State *L) {
    lua_Integer count = lua_tointeger(L, lua_upvalueindex(3));
    lua_Integer given = lua_tointeger(L, lua_upvalueindex(4));
    lua_settop(L, 0);
    while (given < count) {
        lua_rawgeti(L, lua_upvalueindex(2), ++given);
        lua_pushvalue(L, -1);
        if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) {
            lua_pushinteger(L, given);
            lua_replace(L, lua_upvalueindex(4));
            return 2;
        }
        lua_settop(L, 0);
    }
    lua_pushinteger(L, given);
    lua_replace(L, lua_upvalueindex(4));
    lua_pushnil(L);
    return 1;
}

static int plain_next(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    if (lua_next(L, 1)) return 2;
    lua_pushnil(L);
    return 1;
}

/// The number of keys outside the list part, or 2 as soon as there are two.
static bool needs_sorting(lua_State *L, int table) {
    lua_Unsigned entries = lua_rawlen(L, table);
    lua_Unsigned seen = 0;
    bool in_order = true;
    lua_Unsigned others = 0;
    lua_pushnil(L);
    while (lua_next(L, table)) {
        lua_pop(L, 1);
        lua_Integer key = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : 0;
        if (key >= 1 && (lua_Unsigned)key <= entries) {
            if ((lua_Unsigned)key != ++seen || others) in_order = false;
        } else {
            others++;
        }
        if (others > 1 || !in_order) {
            lua_pop(L, 1);
            return true;
        }
    }
    return false;
}

/// `pairs` of the plain table at index 1.
int cxl_pairs(lua_State *L) {
    lua_settop(L, 1);
    if (!needs_sorting(L, 1)) {
        lua_pushcfunction(L, plain_next);
        lua_pushvalue(L, 1);
        lua_pushnil(L);
        return 3;
    }
    // The keys in Lua's order, anchored in a list while they are sorted by what they hold.
    lua_newtable(L);
    int count = 0;
    lua_pushnil(L);
    while (lua_next(L, 1)) {
        lua_pop(L, 1);
        if (count == CXL_MOST_NODES) return luaL_error(L, "more than %d keys", CXL_MOST_NODES);
        lua_pushvalue(L, -1);
        lua_rawseti(L, 2, ++count);
    }
    struct key *keys = lua_newuserdatauv(L, (size_t)count * sizeof *keys, 0);
    for (int i = 0; i < count; i++) {
        struct key *key = &keys[i];
        *key = (struct key){.index = i + 1, .rank = 2};
        switch (lua_rawgeti(L, 2, i + 1)) {
        case LUA_TNUMBER:
            key->rank = 0;
            key->number = lua_tonumber(L, -1);
            break;
        case LUA_TSTRING:
            key->rank = 1;
            key->text = lua_tolstring(L, -1, &key->length);
            break;
        }
        lua_pop(L, 1);
    }
    qsort(keys, (size_t)count, sizeof *keys, compare_keys);
    lua_createtable(L, count, 0);
    for (int i = 0; i < count; i++) {
        lua_rawgeti(L, 2, keys[i].index);
        lua_rawseti(L, 4, i + 1);
    }
    lua_pushvalue(L, 1);
    lua_pushvalue(L, 4);
    lua_pushinteger(L, count);
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, sorted_next, 4);
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    return 3;
}
