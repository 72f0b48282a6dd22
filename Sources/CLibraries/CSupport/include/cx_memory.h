#ifndef CHEXGEN_MEMORY_H
#define CHEXGEN_MEMORY_H
#include <stdint.h>

/// Bytes of tensor storage alive in this process.
int64_t cx_tensor_bytes(void);
/// Adds to the bytes of tensor storage alive (negative to subtract), and returns the new sum.
int64_t cx_tensor_bytes_add(int64_t delta);
/// Gives free memory of the heap back to the system.
void cx_trim_heap(void);
#endif
