#include <stdlib.h>
#include <string.h>

#include "internal.h"

// Values from Lua to a tape, and back. Both run in C functions that Lua called, so they may raise: what a tape holds
// at that moment is given up when the tape is next cleared.

struct reading {
    lua_State *L;
    cx_tape *tape;
    bool copies;  // strings are copied, because the stack goes before the tape is read
    int depth;
    const void *path[CXL_MOST_NESTING];
};

static void read_value(struct reading *reading, int index);

static void check_room(lua_State *L, cx_tape *tape) {
    if (tape->failed) luaL_error(L, "not enough memory");
    if (tape->count > CXL_MOST_NODES) luaL_error(L, "more than %d values in one call", CXL_MOST_NODES);
}

static void read_string(struct reading *reading, int index) {
    size_t length;
    const char *text = lua_tolstring(reading->L, index, &length);
    if (reading->copies) {
        cxl_tape_text(reading->tape, text, length);
    } else {
        struct cx_node *node = cxl_tape_add(reading->tape, CX_STRING);
        node->pointer = (void *)text;
        node->length = length;
    }
}

static void read_reference(struct reading *reading, int index) {
    lua_State *L = reading->L;
    lua_pushvalue(L, index);
    int reference = luaL_ref(L, LUA_REGISTRYINDEX);
    struct cx_node *node = cxl_tape_add(reading->tape, CX_FUNCTION);
    node->length = (uint64_t)reference;
    if (reading->tape->failed) luaL_unref(L, LUA_REGISTRYINDEX, reference);
}

/// A table with a metatable is an object of the script. It is copied like any other, and behind its fields stands a
/// reference to the table itself, under a name of its own, so that Swift can hand the very object back.
static int64_t read_origin(struct reading *reading, int index) {
    if (!lua_getmetatable(reading->L, index)) return 0;
    lua_pop(reading->L, 1);
    if (reading->copies) {
        cxl_tape_text(reading->tape, CX_ORIGIN, sizeof CX_ORIGIN - 1);
    } else {
        struct cx_node *node = cxl_tape_add(reading->tape, CX_STRING);
        node->pointer = (void *)CX_ORIGIN;
        node->length = sizeof CX_ORIGIN - 1;
    }
    read_reference(reading, index);
    return 1;
}

static void read_key(struct reading *reading, lua_Integer entries) {
    lua_State *L = reading->L;
    if (lua_type(L, -2) == LUA_TSTRING) {
        read_string(reading, -2);
    } else if (lua_isinteger(L, -2)) {
        luaL_error(L, "table has the index %I outside its list of %I", (LUAI_UACINT)lua_tointeger(L, -2),
                   (LUAI_UACINT)entries);
    } else {
        luaL_error(L, "table has a %s for a key (wanted names and a list)", luaL_typename(L, -2));
    }
}

static void read_table(struct reading *reading, int index) {
    lua_State *L = reading->L;
    cx_tape *tape = reading->tape;
    const void *identity = lua_topointer(L, index);
    for (int i = 0; i < reading->depth; i++)
        if (reading->path[i] == identity) luaL_error(L, "table contains itself");
    if (reading->depth == CXL_MOST_NESTING) luaL_error(L, "tables are nested deeper than %d", CXL_MOST_NESTING);
    reading->path[reading->depth++] = identity;
    luaL_checkstack(L, 8, "too many values");

    size_t head = tape->count;
    lua_Unsigned entries = lua_rawlen(L, index);
    if (entries > CXL_MOST_NODES) luaL_error(L, "more than %d values in one call", CXL_MOST_NODES);
    cxl_tape_add(tape, CX_TABLE)->length = entries;
    for (lua_Unsigned i = 1; i <= entries; i++) {
        lua_rawgeti(L, index, (lua_Integer)i);
        read_value(reading, lua_gettop(L));
        lua_pop(L, 1);
    }
    int64_t fields = 0;
    lua_pushnil(L);
    while (lua_next(L, index)) {
        lua_Integer key = lua_isinteger(L, -2) ? lua_tointeger(L, -2) : 0;
        if (key < 1 || (lua_Unsigned)key > entries) {
            read_key(reading, (lua_Integer)entries);
            read_value(reading, lua_gettop(L));
            fields++;
        }
        lua_pop(L, 1);
    }
    fields += read_origin(reading, index);
    if (!tape->failed) tape->nodes[head].integer = fields;
    reading->depth--;
}

static void read_userdata(struct reading *reading, int index) {
    lua_State *L = reading->L;
    struct cxl_object *object = cxl_object_at(L, index);
    if (!object) luaL_error(L, "a %s cannot be given to a native function", luaL_typename(L, index));
    if (object->object) {
        cxl_tape_add(reading->tape, CX_OBJECT)->pointer = object->object;
        return;
    }
    luaL_getmetafield(L, index, "__name");
    if (reading->copies) {
        read_string(reading, -1);
        if (!reading->tape->failed) reading->tape->nodes[reading->tape->count - 1].kind = CX_CLOSED;
    } else {
        struct cx_node *node = cxl_tape_add(reading->tape, CX_CLOSED);
        size_t length;
        node->pointer = (void *)lua_tolstring(L, -1, &length);
        node->length = length;
    }
    lua_pop(L, 1);
}

static void read_value(struct reading *reading, int index) {
    lua_State *L = reading->L;
    check_room(L, reading->tape);
    switch (lua_type(L, index)) {
    case LUA_TNIL: cxl_tape_add(reading->tape, CX_NIL); break;
    case LUA_TBOOLEAN: cxl_tape_add(reading->tape, CX_BOOLEAN)->integer = lua_toboolean(L, index); break;
    case LUA_TNUMBER:
        if (lua_isinteger(L, index))
            cxl_tape_add(reading->tape, CX_INTEGER)->integer = lua_tointeger(L, index);
        else
            cxl_tape_add(reading->tape, CX_NUMBER)->number = lua_tonumber(L, index);
        break;
    case LUA_TSTRING: read_string(reading, index); break;
    case LUA_TTABLE:
        if (cxl_push_behind(L, index)) {
            read_table(reading, lua_gettop(L));
            lua_pop(L, 1);
        } else {
            read_table(reading, index);
        }
        break;
    case LUA_TFUNCTION: read_reference(reading, index); break;
    case LUA_TUSERDATA: read_userdata(reading, index); break;
    default: luaL_error(L, "a %s cannot be given to a native function", luaL_typename(L, index));
    }
}

void cxl_read(lua_State *L, int index, cx_tape *tape, bool copies) {
    struct reading reading = {.L = L, .tape = tape, .copies = copies};
    luaL_checkstack(L, 8, "too many values");
    read_value(&reading, lua_absindex(L, index));
    check_room(L, tape);
}

bool cxl_can_cross(lua_State *L, int index) {
    switch (lua_type(L, index)) {
    case LUA_TUSERDATA: return cxl_object_at(L, index) != NULL;
    case LUA_TTHREAD:
    case LUA_TLIGHTUSERDATA: return false;
    default: return true;
    }
}

struct pushing {
    lua_State *L;
    cx_tape *tape;
    size_t cursor;
};

static int smaller(uint64_t count) { return count < 1 << 20 ? (int)count : 1 << 20; }

static void push_value(struct pushing *pushing) {
    lua_State *L = pushing->L;
    cx_tape *tape = pushing->tape;
    if (pushing->cursor >= tape->count) luaL_error(L, "a value is missing on a tape");
    struct cx_node *node = &tape->nodes[pushing->cursor];
    tape->taken = pushing->cursor++;
    switch (node->kind) {
    case CX_BOOLEAN: lua_pushboolean(L, (int)node->integer); break;
    case CX_INTEGER: lua_pushinteger(L, node->integer); break;
    case CX_NUMBER: lua_pushnumber(L, node->number); break;
    case CX_STRING: lua_pushlstring(L, tape->bytes + node->integer, node->length); break;
    case CX_FUNCTION:
        lua_rawgeti(L, LUA_REGISTRYINDEX, (lua_Integer)node->length);
        tape->taken++;
        cxl_discard(cxl_host(L), node->pointer, false);
        break;
    case CX_OBJECT: cxl_push_object(L, node, &tape->taken); break;
    case CX_NATIVE: cxl_push_native(L, node, &tape->taken); break;
    case CX_TABLE: {
        uint64_t entries = node->length;
        int64_t fields = node->integer;
        bool read_only = node->flags & 1;
        luaL_checkstack(L, 8, "tables are nested too deeply");
        lua_createtable(L, smaller(entries), smaller((uint64_t)fields));
        for (uint64_t i = 1; i <= entries; i++) {
            push_value(pushing);
            lua_rawseti(L, -2, (lua_Integer)i);
        }
        for (int64_t i = 0; i < fields; i++) {
            push_value(pushing);
            push_value(pushing);
            lua_rawset(L, -3);
        }
        if (read_only) cxl_make_read_only(L);
        break;
    }
    default: lua_pushnil(L);
    }
}

int cxl_push(lua_State *L, cx_tape *tape) {
    if (tape->failed) luaL_error(L, "not enough memory");
    struct pushing pushing = {.L = L, .tape = tape};
    int count = 0;
    while (pushing.cursor < tape->count) {
        luaL_checkstack(L, 8, "too many results");
        push_value(&pushing);
        count++;
    }
    tape->taken = tape->count;
    return count;
}
