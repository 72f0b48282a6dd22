#ifndef CHEXGEN_CONEDNN_H
#define CHEXGEN_CONEDNN_H
#include <oneapi/dnnl/dnnl.h>
#endif
