#ifndef CHEXGEN_CSUPPORT_H
#define CHEXGEN_CSUPPORT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Why running work was asked to stop. The first reason stays until it is cleared.
enum cx_stop_reason {
    CX_STOP_NONE = 0,
    CX_STOP_INTERRUPT = 1,     // Ctrl-C or SIGTERM
    CX_STOP_TIME_LIMIT = 2,
    CX_STOP_INSTRUCTION_LIMIT = 3,
    CX_STOP_MEMORY_LIMIT = 4,
    CX_STOP_FILE_CHANGED = 5,  // a mapped file was cut while it was in use
};

/// Asks running work to stop. Safe to call from a signal handler and from any thread.
void cx_request_stop(int reason);
/// The reason to stop, or CX_STOP_NONE.
int cx_stop_requested(void);
/// Forgets the request.
void cx_clear_stop(void);

/// Bytes of tensor storage alive in this process.
int64_t cx_tensor_bytes(void);
/// Adds to the bytes of tensor storage alive (negative to subtract), and returns the new sum.
int64_t cx_tensor_bytes_add(int64_t delta);

/// Sets how many threads a parallel region uses (libgomp's pool, the one that oneDNN uses too).
void cx_set_threads(int count);
int cx_threads(void);

/// Lets the idle threads of libgomp and OpenBLAS sleep soon, where the user has not said how long they spin: the two pools
/// take turns here, and each would take cores from the other. Both libraries read this when they are loaded, so the process
/// starts once more, with the same arguments, unless all is set; where that fails it goes on as it is.
void cx_calm_threads(char *const *arguments);

/// Runs body(context, index) for index 0 ..< units, on cx_threads() threads where libgomp is present, else one by one.
void cx_parallel(int units, void (*body)(void *context, int index), void *context);

/// A SHA-256 in progress.
struct cx_sha256 {
    uint32_t state[8];
    uint64_t length;
    uint8_t tail[64];
};
void cx_sha256_start(struct cx_sha256 *hash);
void cx_sha256_add(struct cx_sha256 *hash, const void *bytes, size_t count);
void cx_sha256_finish(struct cx_sha256 *hash, uint8_t result[32]);
/// Hashes without the processor's SHA extension from now on, or with it again: so that both ways can be tested.
void cx_sha256_use_portable(bool portable);

/// Watches a mapping of a file: where the file is cut while it is mapped, reading beyond its new end gives zeros and
/// requests a stop (CX_STOP_FILE_CHANGED) instead of killing the process. Returns whether there was room to watch it.
/// The path is copied.
bool cx_guard_mapping(const void *start, size_t length, const char *path);
/// Forgets a mapping; call it before munmap.
void cx_unguard_mapping(const void *start);
/// The path of the file that was found cut since the last cx_clear_stop, or an empty text.
const char *cx_changed_file(void);
/// Forgets that path; cx_clear_stop calls it.
void cx_forget_changed_file(void);
#endif
