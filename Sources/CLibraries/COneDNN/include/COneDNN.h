#ifndef CHEXGEN_CONEDNN_H
#define CHEXGEN_CONEDNN_H
#include <oneapi/dnnl/dnnl.h>

/// Sets how many threads oneDNN uses for primitives that the calling thread creates and executes from now on, inside
/// a parallel region of libgomp as well, and returns what it was before.
int cx_dnn_set_threads(int count);
#endif
