#include <string.h>

#include "internal.h"

// Swift objects and Swift functions as Lua values. Each is one userdata with one retained reference; the metatables are
// locked, so a script can neither reach `__gc` nor dress something else up as an object.

const char cxl_classes = 0;           // registry: class number → metatable
const char cxl_objects = 0;           // registry: address → userdata, weak, so that an object stays one value
const char cxl_native_metatable = 0;  // registry: of the boxes that hold Swift functions
const char cxl_class_key = 0;         // in a metatable of objects

enum { RELIEF_BYTES = 64 << 20 };     // external bytes made since the last collection that ask for the next

void cxl_discard(cx_lua *lua, void *object, bool close) {
    if (!object) return;
    lua->releasing++;
    lua->callbacks.discard(object, close);
    lua->releasing--;
}

struct cxl_object *cxl_object_at(lua_State *L, int index) {
    struct cxl_object *object = lua_touserdata(L, index);
    if (lua_type(L, index) != LUA_TUSERDATA || !lua_getmetatable(L, index)) return NULL;
    bool known = lua_rawgetp(L, -1, &cxl_class_key) == LUA_TBOOLEAN;
    lua_pop(L, 2);
    return known ? object : NULL;
}

/// Gives up what an object holds; also the second and third time.
static void close_object(lua_State *L, struct cxl_object *object) {
    cx_lua *lua = cxl_host(L);
    void *held = object->object;
    object->object = NULL;
    lua->external -= object->external;
    object->external = 0;
    cxl_discard(lua, held, true);
}

static int object_gc(lua_State *L) {
    struct cxl_object *object = lua_touserdata(L, 1);
    if (object && object->object) close_object(L, object);
    return 0;
}

static int object_close(lua_State *L) {
    struct cxl_object *object = cxl_object_at(L, 1);
    if (!object) return luaL_error(L, "bad self to 'close' (got %s); call it as object:close()", luaL_typename(L, 1));
    if (object->object) {
        lua_rawgetp(L, LUA_REGISTRYINDEX, &cxl_objects);
        lua_pushnil(L);
        lua_rawsetp(L, -2, object->object);
        close_object(L, object);
    }
    return 0;
}

/// Upvalues: methods, property getters, the reader of other keys.
static int object_index(lua_State *L) {
    lua_settop(L, 2);
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) return 1;
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(2)) != LUA_TNIL) {
        lua_pushvalue(L, 1);
        lua_call(L, 1, 1);
        return 1;
    }
    lua_pushvalue(L, lua_upvalueindex(3));
    lua_pushvalue(L, 1);
    lua_pushvalue(L, 2);
    lua_call(L, 2, 1);
    return 1;
}

/// Upvalues: the class's name, the operator or nil.
static int object_tostring(lua_State *L) {
    struct cxl_object *object = cxl_object_at(L, 1);
    if (object && object->object && !lua_isnil(L, lua_upvalueindex(2))) {
        lua_settop(L, 1);
        lua_pushvalue(L, lua_upvalueindex(2));
        lua_insert(L, 1);
        lua_call(L, 1, 1);
        return 1;
    }
    lua_pushfstring(L, object && !object->object ? "%s (closed)" : "%s", lua_tostring(L, lua_upvalueindex(1)));
    return 1;
}

struct class_request {
    uint32_t number;
    const char *name;
};

static int make_class(lua_State *L) {
    const struct class_request *request = lua_touserdata(L, 1);
    cx_lua *lua = cxl_host(L);
    if (cxl_push(L, &lua->frames[lua->depth]->input) != 5) return luaL_error(L, "a class has five parts");
    enum { METHODS = 2, GETTERS, OPERATORS, READER, WRITER };
    lua_pushcfunction(L, object_close);
    lua_setfield(L, METHODS, "close");

    lua_pushvalue(L, OPERATORS);  // becomes the metatable
    int metatable = lua_gettop(L);
    lua_pushstring(L, request->name);
    lua_getfield(L, metatable, "__tostring");
    lua_pushcclosure(L, object_tostring, 2);
    lua_setfield(L, metatable, "__tostring");
    lua_pushvalue(L, METHODS);
    lua_pushvalue(L, GETTERS);
    lua_pushvalue(L, READER);
    lua_pushcclosure(L, object_index, 3);
    lua_setfield(L, metatable, "__index");
    lua_pushvalue(L, WRITER);
    lua_setfield(L, metatable, "__newindex");
    lua_pushcfunction(L, object_gc);
    lua_setfield(L, metatable, "__gc");
    lua_pushcfunction(L, object_close);
    lua_setfield(L, metatable, "__close");
    lua_pushboolean(L, 0);
    lua_setfield(L, metatable, "__metatable");
    lua_pushstring(L, request->name);
    lua_setfield(L, metatable, "__name");
    lua_pushboolean(L, 1);
    lua_rawsetp(L, metatable, &cxl_class_key);

    lua_rawgetp(L, LUA_REGISTRYINDEX, &cxl_classes);
    lua_pushvalue(L, metatable);
    lua_rawseti(L, -2, request->number);
    return 0;
}

void cxl_push_object(lua_State *L, struct cx_node *node, size_t *taken) {
    cx_lua *lua = cxl_host(L);
    void *address = node->pointer;
    luaL_checkstack(L, 8, "too many values");
    lua_rawgetp(L, LUA_REGISTRYINDEX, &cxl_objects);
    if (lua_rawgetp(L, -1, address) == LUA_TUSERDATA) {
        struct cxl_object *known = lua_touserdata(L, -1);
        if (known->object == address) {
            lua_remove(L, -2);
            ++*taken;
            cxl_discard(lua, address, false);
            return;
        }
    }
    lua_pop(L, 1);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &cxl_classes);
    if (lua_rawgeti(L, -1, node->flags) != LUA_TTABLE) luaL_error(L, "an object of an unknown class");
    struct cxl_object *object = lua_newuserdatauv(L, sizeof *object, 0);
    memset(object, 0, sizeof *object);
    lua_insert(L, -2);
    lua_setmetatable(L, -2);
    object->object = address;
    object->external = (int64_t)node->length;
    ++*taken;
    lua->external += object->external;
    lua->external_since += object->external;
    lua_pushvalue(L, -1);
    lua_rawsetp(L, -4, address);
    lua_remove(L, -2);
    lua_remove(L, -2);
}

static int native_gc(lua_State *L) {
    void **box = lua_touserdata(L, 1);
    void *held = *box;
    *box = NULL;
    cxl_discard(cxl_host(L), held, false);
    return 0;
}

/// Calls Swift. Nothing raises between the call and its return; what Swift says is raised after it.
static int call_native(lua_State *L) {
    cx_lua *lua = cxl_host(L);
    void **box = lua_touserdata(L, lua_upvalueindex(1));
    cxl_check_stop(L, lua);
    if (!box || !*box) return luaL_error(L, "this function belongs to a closed host");
    struct cxl_frame *frame = cxl_frame_at(lua, lua->depth + 1);
    if (!frame) return luaL_error(L, lua->depth >= CXL_MOST_DEPTH ? "C stack overflow" : "not enough memory");
    cxl_tape_clear(L, &frame->arguments);
    cxl_tape_clear(L, &frame->results);
    int count = lua_gettop(L);
    for (int i = 1; i <= count; i++) cxl_read(L, i, &frame->arguments, false);

    lua_State *caller = lua->current;
    lua->current = L;
    lua->depth++;
    frame->arguments.taken = frame->arguments.count;
    int failed = lua->callbacks.call(lua->callbacks.context, *box, frame->arguments.nodes, frame->arguments.count,
                                     &frame->results);
    lua->depth--;
    lua->current = caller;

    cxl_check_stop(L, lua);
    lua_settop(L, 0);
    if (failed) {
        if (failed == 1) cxl_push_place(L);
        cxl_push(L, &frame->results);
        cxl_tape_clear(L, &frame->results);
        if (failed == 3) {
            bool kept = lua_tointeger(L, 1) == lua->error_values;
            lua_remove(L, 1);
            if (kept) {
                // Taken out of its place, which would keep it alive.
                lua_rawgetp(L, LUA_REGISTRYINDEX, &cxl_error_value);
                lua_pushboolean(L, false);
                lua_rawsetp(L, LUA_REGISTRYINDEX, &cxl_error_value);
                lua->error_values++;
            }
            return lua_error(L);
        }
        lua_concat(L, lua_gettop(L));
        return lua_error(L);
    }
    int results = cxl_push(L, &frame->results);
    cxl_relieve(L, lua);
    return results;
}

void cxl_push_native(lua_State *L, struct cx_node *node, size_t *taken) {
    luaL_checkstack(L, 8, "too many values");
    void **box = lua_newuserdatauv(L, sizeof *box, 0);
    *box = NULL;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &cxl_native_metatable);
    lua_setmetatable(L, -2);
    *box = node->pointer;
    ++*taken;
    lua_pushcclosure(L, call_native, 1);
}

void cxl_relieve(lua_State *L, cx_lua *lua) {
    int64_t limit = lua->limits.memory;
    bool over = limit && lua->bytes + cxl_outside_bytes(lua) > limit;
    if (lua->external_since <= lua->external_threshold && !over) return;
    lua_gc(L, LUA_GCCOLLECT, 0);
    lua->external_since = 0;
    lua->external_threshold = lua->external / 2 > RELIEF_BYTES ? lua->external / 2 : RELIEF_BYTES;
    if (limit && lua->bytes + cxl_outside_bytes(lua) > limit) {
        lua->stop = lua->stop ? lua->stop : CX_STOP_MEMORY_LIMIT;
        cxl_raise_stop(L, lua);
    }
}

void cxl_open_objects(lua_State *L) {
    cxl_host(L)->external_threshold = RELIEF_BYTES;
    lua_newtable(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &cxl_classes);
    lua_newtable(L);
    lua_newtable(L);
    lua_pushliteral(L, "v");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &cxl_objects);
    lua_newtable(L);
    lua_pushcfunction(L, native_gc);
    lua_setfield(L, -2, "__gc");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_rawsetp(L, LUA_REGISTRYINDEX, &cxl_native_metatable);
}

int cx_lua_class(cx_lua *lua, uint32_t number, const char *name) {
    struct class_request request = {number, name};
    return cxl_protect(lua, make_class, &request, false);
}
