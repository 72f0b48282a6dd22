#ifndef CHEXGEN_CPNG_H
#define CHEXGEN_CPNG_H
#include <png.h>
#endif
