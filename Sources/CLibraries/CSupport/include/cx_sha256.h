#ifndef CHEXGEN_SHA256_H
#define CHEXGEN_SHA256_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
#endif
