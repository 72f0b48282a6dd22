#include "internal.h"

// Reading of files. Lua's own `read(n)` asks for n bytes of memory before it looks at the file; here memory is asked for as
// bytes come, so that what is read bounds it.

enum { SMALL_READ = 1 << 16, LARGEST_PIECE = 1 << 20, MOST_FORMATS = 200 };

static FILE *check_file(lua_State *L) {
    luaL_Stream *stream = luaL_checkudata(L, 1, LUA_FILEHANDLE);
    if (!stream->closef) luaL_error(L, "attempt to use a closed file");
    return stream->f;
}

/// Pushes up to `wanted` bytes, and says whether there were any.
static bool read_bytes(lua_State *L, FILE *file, lua_Unsigned wanted) {
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    size_t piece = SMALL_READ;
    lua_Unsigned total = 0;
    for (;;) {
        if (piece > wanted - total) piece = (size_t)(wanted - total);
        size_t got = fread(luaL_prepbuffsize(&buffer, piece), 1, piece, file);
        luaL_addsize(&buffer, got);
        total += got;
        if (got < piece || total == wanted) break;
        cxl_check_stop(L, cxl_host(L));
        if (piece < LARGEST_PIECE) piece *= 2;
    }
    luaL_pushresult(&buffer);
    return total > 0;
}

static bool is_large(lua_State *L, int index) {
    return lua_type(L, index) == LUA_TNUMBER && lua_tonumber(L, index) > SMALL_READ;
}

/// `file:read(…)`; upvalue 1 is Lua's own.
static int file_read(lua_State *L) {
    FILE *file = check_file(L);
    int last = lua_gettop(L);
    int large = 2;
    while (large <= last && !is_large(L, large)) large++;
    if (large > last) return lua_tocfunction(L, lua_upvalueindex(1))(L);
    luaL_argcheck(L, last <= MOST_FORMATS + 1, MOST_FORMATS + 2, "too many arguments");
    luaL_checkstack(L, last + 8, "too many arguments");
    for (int format = 2; format <= last; format++) {
        if (is_large(L, format)) {
            lua_Integer wanted = luaL_checkinteger(L, format);
            if (!read_bytes(L, file, (lua_Unsigned)wanted)) {
                lua_pop(L, 1);
                luaL_pushfail(L);
            }
        } else {
            lua_pushvalue(L, lua_upvalueindex(1));
            lua_pushvalue(L, 1);
            lua_pushvalue(L, format);
            lua_call(L, 2, 1);
        }
        if (ferror(file)) return luaL_fileresult(L, 0, NULL);
        if (lua_isnil(L, -1)) break;
    }
    return lua_gettop(L) - last;
}

/// `io.read(…)`, of standard input; upvalue 1 is Lua's own `file:read`.
static int io_read(lua_State *L) {
    lua_getfield(L, LUA_REGISTRYINDEX, "_IO_input");
    lua_insert(L, 1);
    return file_read(L);
}

enum { FILE_VALUE = 1, CLOSES, FORMATS, FIRST_FORMAT };

/// Upvalues: the file, whether it is closed at its end, how many formats, the formats.
static int next_line(lua_State *L) {
    int formats = (int)lua_tointeger(L, lua_upvalueindex(FORMATS));
    lua_settop(L, 0);
    luaL_checkstack(L, formats + 4, "too many formats");
    lua_getfield(L, lua_upvalueindex(FILE_VALUE), "read");
    lua_pushvalue(L, lua_upvalueindex(FILE_VALUE));
    for (int i = 0; i < formats; i++) lua_pushvalue(L, lua_upvalueindex(FIRST_FORMAT + i));
    lua_call(L, formats + 1, LUA_MULTRET);
    int count = lua_gettop(L);
    if (count > 0 && lua_toboolean(L, 1)) return count;
    if (count > 1) return luaL_error(L, "%s", lua_tostring(L, 2));
    if (!lua_toboolean(L, lua_upvalueindex(CLOSES))) return 0;
    lua_getfield(L, lua_upvalueindex(FILE_VALUE), "close");
    lua_pushvalue(L, lua_upvalueindex(FILE_VALUE));
    lua_call(L, 1, 0);
    return 0;
}

/// Pushes the iterator over what the formats from index 2 on read from the file at an index.
static void push_iterator(lua_State *L, int file, bool closes, int formats) {
    luaL_argcheck(L, formats <= MOST_FORMATS, MOST_FORMATS + 2, "too many arguments");
    luaL_checkstack(L, formats + 8, "too many arguments");
    lua_pushvalue(L, file);
    lua_pushboolean(L, closes);
    lua_pushinteger(L, formats);
    for (int i = 0; i < formats; i++) lua_pushvalue(L, 2 + i);
    lua_pushcclosure(L, next_line, formats + FIRST_FORMAT - 1);
}

static int file_lines(lua_State *L) {
    check_file(L);
    push_iterator(L, 1, false, lua_gettop(L) - 1);
    return 1;
}

static int io_lines(lua_State *L) {
    const char *path = cxl_check_path(L, 1);
    int formats = lua_gettop(L) - 1;
    const char *reason;
    int number;
    if (!cxl_push_file(L, path, "r", &reason, &number)) return luaL_error(L, "%s: %s", path, reason);
    int file = lua_gettop(L);
    push_iterator(L, file, true, formats);
    lua_pushnil(L);
    lua_pushnil(L);
    lua_pushvalue(L, file);
    return 4;
}

void cxl_open_reading(lua_State *L, int io) {
    lua_pushcfunction(L, io_lines);
    lua_setfield(L, io, "lines");
    luaL_getmetatable(L, LUA_FILEHANDLE);
    lua_getfield(L, -1, "__index");
    lua_getfield(L, -1, "read");
    lua_pushvalue(L, -1);
    lua_pushcclosure(L, io_read, 1);
    lua_setfield(L, io, "read");
    lua_pushcclosure(L, file_read, 1);
    lua_setfield(L, -2, "read");
    lua_pushcfunction(L, file_lines);
    lua_setfield(L, -2, "lines");
    lua_pop(L, 2);
}
