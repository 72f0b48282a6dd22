#include "cx_memory.h"

#include <malloc.h>
#include <stdatomic.h>

static atomic_llong tensor_bytes;

int64_t cx_tensor_bytes(void) { return atomic_load_explicit(&tensor_bytes, memory_order_relaxed); }
int64_t cx_tensor_bytes_add(int64_t delta) { return atomic_fetch_add(&tensor_bytes, delta) + delta; }

void cx_trim_heap(void) { malloc_trim(0); }
