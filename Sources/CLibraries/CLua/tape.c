#include <stdlib.h>
#include <string.h>

#include "internal.h"

// Tapes live in malloc's memory, outside Lua's limit, so that adding to one cannot raise. A tape that ran out of memory
// says so when it is used.

struct cx_node *cxl_tape_add(cx_tape *tape, enum cx_kind kind) {
    static _Thread_local struct cx_node nowhere;
    if (tape->failed) return &nowhere;
    if (tape->count == tape->capacity) {
        size_t capacity = tape->capacity ? tape->capacity * 2 : 16;
        struct cx_node *nodes = realloc(tape->nodes, capacity * sizeof *nodes);
        if (!nodes) {
            tape->failed = true;
            return &nowhere;
        }
        tape->nodes = nodes;
        tape->capacity = capacity;
    }
    struct cx_node *node = &tape->nodes[tape->count++];
    memset(node, 0, sizeof *node);
    node->kind = kind;
    return node;
}

/// Copies text to the tape. Until cxl_tape_finish the node holds an offset, for the bytes may move.
void cxl_tape_text(cx_tape *tape, const char *text, size_t length) {
    if (tape->failed) return;
    if (length > tape->size - tape->used) {
        size_t size = tape->size ? tape->size : 256;
        while (size - tape->used < length) {
            if (size > SIZE_MAX / 2) {
                tape->failed = true;
                return;
            }
            size *= 2;
        }
        char *bytes = realloc(tape->bytes, size);
        if (!bytes) {
            tape->failed = true;
            return;
        }
        tape->bytes = bytes;
        tape->size = size;
    }
    if (length) memcpy(tape->bytes + tape->used, text, length);
    struct cx_node *node = cxl_tape_add(tape, CX_STRING);
    node->length = length;
    node->integer = (int64_t)tape->used;
    tape->used += length;
}

void cxl_tape_finish(cx_tape *tape) {
    for (size_t i = 0; i < tape->count; i++) {
        struct cx_node *node = &tape->nodes[i];
        if (node->kind == CX_STRING || node->kind == CX_CLOSED) node->pointer = tape->bytes + node->integer;
    }
}

void cxl_tape_clear(lua_State *L, cx_tape *tape) {
    cx_lua *lua = cxl_host(L);
    for (size_t i = tape->taken; i < tape->count; i++) {
        struct cx_node *node = &tape->nodes[i];
        if (tape->to_lua) {
            if (node->kind == CX_OBJECT || node->kind == CX_NATIVE || node->kind == CX_FUNCTION)
                cxl_discard(lua, node->pointer, false);
        } else if (node->kind == CX_FUNCTION && lua_checkstack(L, 4)) {
            luaL_unref(L, LUA_REGISTRYINDEX, (int)node->length);
        }
    }
    // One large crossing must not hold its memory for the rest of the run.
    if (tape->capacity > 1 << 16) {
        free(tape->nodes);
        tape->nodes = NULL;
        tape->capacity = 0;
    }
    if (tape->size > 1 << 20) {
        free(tape->bytes);
        tape->bytes = NULL;
        tape->size = 0;
    }
    tape->count = tape->taken = tape->used = 0;
    tape->failed = false;
}

void cxl_tape_free(lua_State *L, cx_tape *tape) {
    cxl_tape_clear(L, tape);
    free(tape->nodes);
    free(tape->bytes);
    memset(tape, 0, sizeof *tape);
}

struct cxl_frame *cxl_frame_at(cx_lua *lua, int depth) {
    if (depth > CXL_MOST_DEPTH) return NULL;
    if (!lua->frames[depth]) {
        struct cxl_frame *frame = calloc(1, sizeof *frame);
        if (frame) frame->results.to_lua = frame->input.to_lua = true;
        lua->frames[depth] = frame;
    }
    return lua->frames[depth];
}

cx_tape *cx_lua_input(cx_lua *lua) {
    cx_tape *tape = &lua->frames[lua->depth]->input;
    cxl_tape_clear(lua->current, tape);
    return tape;
}

void cx_lua_clear(cx_lua *lua, cx_tape *tape) { cxl_tape_clear(lua->current, tape); }

const struct cx_node *cx_lua_output(cx_lua *lua, size_t *count) {
    cx_tape *tape = &lua->frames[lua->depth]->output;
    tape->taken = tape->count;
    *count = tape->count;
    return tape->nodes;
}

void cx_tape_nil(cx_tape *tape) { cxl_tape_add(tape, CX_NIL); }
void cx_tape_boolean(cx_tape *tape, bool value) { cxl_tape_add(tape, CX_BOOLEAN)->integer = value; }
void cx_tape_integer(cx_tape *tape, int64_t value) { cxl_tape_add(tape, CX_INTEGER)->integer = value; }
void cx_tape_number(cx_tape *tape, double value) { cxl_tape_add(tape, CX_NUMBER)->number = value; }
void cx_tape_string(cx_tape *tape, const void *bytes, size_t length) { cxl_tape_text(tape, bytes, length); }

void cx_tape_table(cx_tape *tape, size_t entries, size_t fields, bool read_only) {
    struct cx_node *node = cxl_tape_add(tape, CX_TABLE);
    node->flags = read_only;
    node->length = entries;
    node->integer = (int64_t)fields;
}

void cx_tape_function(cx_tape *tape, int32_t reference, void *retained) {
    struct cx_node *node = cxl_tape_add(tape, CX_FUNCTION);
    node->length = (uint64_t)reference;
    node->pointer = retained;
}

void cx_tape_object(cx_tape *tape, void *retained, uint32_t class_number, int64_t external_bytes) {
    struct cx_node *node = cxl_tape_add(tape, CX_OBJECT);
    node->flags = class_number;
    node->length = external_bytes > 0 ? (uint64_t)external_bytes : 0;
    node->pointer = retained;
}

void cx_tape_native(cx_tape *tape, void *retained) { cxl_tape_add(tape, CX_NATIVE)->pointer = retained; }
