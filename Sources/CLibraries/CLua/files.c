#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "internal.h"

// Files for scripts: regular files only, read from anywhere, written only below the folders that are allowed. A path to
// write is taken apart: its folder is opened first and the kernel is asked where that is, so that neither `..` nor a
// symbolic link, nor one that is put there in between, leads outside.

enum { PROC_FILES = 0x9fa0, SYS_FILES = 0x62656572 };

const char *cxl_check_path(lua_State *L, int index) {
    size_t length;
    const char *path = luaL_checklstring(L, index, &length);
    luaL_argcheck(L, strlen(path) == length, index, "path holds a zero byte");
    return path;
}

/// nil, the message and a number, as Lua's own functions give.
static int refuse(lua_State *L, const char *path, const char *reason, int number) {
    lua_pushnil(L);
    lua_pushfstring(L, "%s: %s", path, reason);
    lua_pushinteger(L, number);
    return 3;
}

static bool is_below(const char *path, const char *folder) {
    size_t length = strlen(folder);
    while (length > 0 && folder[length - 1] == '/') length--;
    return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == 0);
}

/// Writes where an open file lies, as the system sees it, and says whether it could be told.
static bool find_path(int file, char path[PATH_MAX + 1]) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, PATH_MAX);
    path[length > 0 ? length : 0] = 0;
    return length > 0;
}

static bool may_read(cx_lua *lua, int file) {
    char path[PATH_MAX + 1];
    return !lua->callbacks.may_read || (find_path(file, path) && lua->callbacks.may_read(path));
}

static const char *const link_reason = "a symbolic link (scripts may not write through one)";
static const char *const names_reason = "a file with several names (scripts may not write through a hard link; remove this name first)";

struct place {
    int folder;          // an open folder that scripts may write to, or -1
    const char *name;    // in it
    const char *reason;  // why not
    int number;
};

static struct place find_writable(cx_lua *lua, const char *path) {
    struct place place = {-1, NULL, "scripts may not write there (only in the run folder and below the folders of --allow-write)", EACCES};
    const char *slash = strrchr(path, '/');
    place.name = slash ? slash + 1 : path;
    if (!*place.name || strcmp(place.name, ".") == 0 || strcmp(place.name, "..") == 0) {
        place.reason = "not the name of a file";
        place.number = EISDIR;
        return place;
    }
    char folder[PATH_MAX] = ".";
    if (slash) {
        size_t length = slash == path ? 1 : (size_t)(slash - path);
        if (length >= sizeof folder) {
            place.reason = strerror(place.number = ENAMETOOLONG);
            return place;
        }
        memcpy(folder, path, length);
        folder[length] = 0;
    }
    int opened = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (opened < 0) {
        place.reason = strerror(place.number = errno);
        return place;
    }
    char resolved[PATH_MAX + 1];
    bool known = find_path(opened, resolved);
    for (size_t i = 0; i < lua->folder_count && known; i++) {
        if (is_below(resolved, lua->folders[i])) {
            place.folder = opened;
            return place;
        }
    }
    close(opened);
    return place;
}

/// Opens a regular file, or gives NULL with the reason.
static FILE *open_regular(cx_lua *lua, const char *path, const char *mode, const char **reason, int *number) {
    bool update = strchr(mode, '+') != NULL;
    bool writes = *mode != 'r' || update;
    int flags = O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (!writes ? O_RDONLY : update ? O_RDWR : O_WRONLY);
    if (*mode != 'r') flags |= O_CREAT;
    if (*mode == 'a') flags |= O_APPEND;
    int file;
    if (writes) {
        struct place place = find_writable(lua, path);
        if (place.folder < 0) {
            *reason = place.reason;
            *number = place.number;
            return NULL;
        }
        file = openat(place.folder, place.name, flags | O_NOFOLLOW, 0666);
        *number = errno;
        close(place.folder);
    } else {
        file = open(path, flags);
        *number = errno;
    }
    if (file < 0) {
        *reason = *number == ELOOP && writes ? link_reason : strerror(*number);
        return NULL;
    }
    struct stat status;
    struct statfs system;
    FILE *stream = NULL;
    if (fstat(file, &status) != 0 || fstatfs(file, &system) != 0) {
        *reason = strerror(*number = errno);
    } else if (!S_ISREG(status.st_mode) || system.f_type == PROC_FILES || system.f_type == SYS_FILES) {
        *reason = "not a regular file";
        *number = EACCES;
    } else if (!writes && !may_read(lua, file)) {
        *reason = "scripts may not read there (only what they may write, and below the folders of --allow-read)";
        *number = EACCES;
    } else if (writes && status.st_nlink > 1) {
        // Its other name may lie where scripts may not write.
        *reason = names_reason;
        *number = EACCES;
    } else if ((*mode == 'w' && ftruncate(file, 0) != 0) || fcntl(file, F_SETFL, flags & O_APPEND) != 0 ||
               !(stream = fdopen(file, mode))) {
        *reason = strerror(*number = errno);
    }
    if (!stream) close(file);
    return stream;
}

/// Tells the program of a file that a script reads or writes, and raises what it says against it.
static void tell_opened(lua_State *L, const char *path, bool writes) {
    cx_lua *lua = cxl_host(L);
    char *text = lua->callbacks.opened ? lua->callbacks.opened(lua->callbacks.context, path, writes) : NULL;
    if (!text) return;
    // Lua raises with longjmp, and may have no memory for the text.
    char copy[4096];
    snprintf(copy, sizeof copy, "%s", text);
    free(text);
    luaL_error(L, "%s", copy);
}

static int close_stream(lua_State *L) {
    luaL_Stream *stream = luaL_checkudata(L, 1, LUA_FILEHANDLE);
    int failed = fclose(stream->f);
    return luaL_fileresult(L, failed == 0, NULL);
}

bool cxl_push_file(lua_State *L, const char *path, const char *mode, const char **reason, int *number) {
    luaL_Stream *stream = lua_newuserdatauv(L, sizeof *stream, 0);
    stream->f = NULL;
    stream->closef = NULL;  // closed, until it is open
    luaL_setmetatable(L, LUA_FILEHANDLE);
    stream->f = open_regular(cxl_host(L), path, mode, reason, number);
    if (!stream->f) return false;
    stream->closef = close_stream;
    // What is there is read before it is written to; a file that is opened for appending may be new.
    struct stat status;
    bool reads = *mode == 'r' || (*mode == 'a' && strchr(mode, '+') && fstat(fileno(stream->f), &status) == 0 && status.st_size > 0);
    if (reads) tell_opened(L, path, false);
    if (*mode != 'r' || strchr(mode, '+')) tell_opened(L, path, true);
    return true;
}

static int io_open(lua_State *L) {
    const char *path = cxl_check_path(L, 1);
    const char *mode = luaL_optstring(L, 2, "r");
    const char *rest = mode;
    bool valid = *rest && strchr("rwa", *rest++);
    if (valid && *rest == '+') rest++;
    if (valid && *rest == 'b') rest++;
    luaL_argcheck(L, valid && !*rest, 2, "invalid mode");
    const char *reason;
    int number;
    if (cxl_push_file(L, path, mode, &reason, &number)) return 1;
    return refuse(L, path, reason, number);
}

static int io_close(lua_State *L) {
    luaL_checkudata(L, 1, LUA_FILEHANDLE);
    lua_settop(L, 1);
    lua_getfield(L, 1, "close");
    lua_insert(L, 1);
    lua_call(L, 1, LUA_MULTRET);
    return lua_gettop(L);
}

/// Writes the string on top; upvalue 1 is the writer or nil.
static void write_text(lua_State *L) {
    if (lua_isnil(L, lua_upvalueindex(1))) {
        size_t length;
        const char *text = lua_tolstring(L, -1, &length);
        fwrite(text, 1, length, stdout);
        lua_pop(L, 1);
    } else {
        lua_pushvalue(L, lua_upvalueindex(1));
        lua_insert(L, -2);
        lua_call(L, 1, 0);
    }
}

static int print(lua_State *L) {
    int count = lua_gettop(L);
    luaL_checkstack(L, 2 * count + 8, "too many arguments");
    for (int i = 1; i <= count; i++) {
        luaL_tolstring(L, i, NULL);
        if (i < count) lua_pushliteral(L, "\t");
    }
    lua_pushliteral(L, "\n");
    lua_concat(L, lua_gettop(L) - count);
    write_text(L);
    // Lines must be seen even if the process is ended from outside.
    if (lua_isnil(L, lua_upvalueindex(1))) fflush(stdout);
    return 0;
}

/// Upvalue 2: io.stdout.
static int io_write(lua_State *L) {
    int count = lua_gettop(L);
    for (int i = 1; i <= count; i++) luaL_checkstring(L, i);
    lua_concat(L, count);
    write_text(L);
    lua_pushvalue(L, lua_upvalueindex(2));
    return 1;
}

/// Upvalue 1 is Lua's own; scripts that are held to their inputs see no environment.
static int os_getenv(lua_State *L) {
    cx_lua *lua = cxl_host(L);
    luaL_checkstring(L, 1);
    if (!lua->callbacks.may_read || lua->callbacks.may_read(NULL)) return lua_tocfunction(L, lua_upvalueindex(1))(L);
    luaL_pushfail(L);
    return 1;
}

static int os_remove(lua_State *L) {
    const char *path = cxl_check_path(L, 1);
    struct place place = find_writable(cxl_host(L), path);
    if (place.folder < 0) return refuse(L, path, place.reason, place.number);
    int failed = unlinkat(place.folder, place.name, 0);
    if (failed && errno == EISDIR) failed = unlinkat(place.folder, place.name, AT_REMOVEDIR);
    int number = errno;
    close(place.folder);
    errno = number;
    return luaL_fileresult(L, !failed, path);
}

static int os_rename(lua_State *L) {
    const char *from = cxl_check_path(L, 1);
    const char *to = cxl_check_path(L, 2);
    struct place source = find_writable(cxl_host(L), from);
    if (source.folder < 0) return refuse(L, from, source.reason, source.number);
    struct place target = find_writable(cxl_host(L), to);
    if (target.folder < 0) {
        close(source.folder);
        return refuse(L, to, target.reason, target.number);
    }
    int failed = renameat(source.folder, source.name, target.folder, target.name);
    int number = errno;
    close(source.folder);
    close(target.folder);
    if (!failed) tell_opened(L, to, true);
    errno = number;
    return luaL_fileresult(L, !failed, from);
}

void cxl_open_files(lua_State *L, int globals, int writer) {
    lua_newtable(L);
    int io = lua_gettop(L);
    lua_pushcfunction(L, luaopen_io);
    lua_call(L, 0, 1);
    static const char *const taken[] = {"type", "stdout", "stderr", NULL};
    for (int i = 0; taken[i]; i++) {
        lua_getfield(L, -1, taken[i]);
        lua_setfield(L, io, taken[i]);
    }
    lua_pop(L, 1);
    static const luaL_Reg functions[] = {{"open", io_open}, {"close", io_close}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    cxl_open_reading(L, io);
    lua_pushvalue(L, writer);
    lua_getfield(L, io, "stdout");
    lua_pushcclosure(L, io_write, 2);
    lua_setfield(L, io, "write");
    lua_setfield(L, globals, "io");

    lua_pushvalue(L, writer);
    lua_pushcclosure(L, print, 1);
    lua_setfield(L, globals, "print");

    // The methods of files are reached through the file, their metatable is not.
    luaL_getmetatable(L, LUA_FILEHANDLE);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);

    lua_getfield(L, globals, "os");
    static const luaL_Reg writing[] = {{"remove", os_remove}, {"rename", os_rename}, {NULL, NULL}};
    luaL_setfuncs(L, writing, 0);
    lua_getfield(L, -1, "getenv");
    lua_pushcclosure(L, os_getenv, 1);
    lua_setfield(L, -2, "getenv");
    lua_pop(L, 1);
}

const char *cx_lua_writable(cx_lua *lua, const char *path) {
    struct place place = find_writable(lua, path);
    if (place.folder < 0) return place.reason;
    struct stat status;
    bool is_link = fstatat(place.folder, place.name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode);
    close(place.folder);
    return is_link ? link_reason : NULL;
}
