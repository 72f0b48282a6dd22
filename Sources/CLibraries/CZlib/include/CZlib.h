#ifndef CHEXGEN_CZLIB_H
#define CHEXGEN_CZLIB_H
#include <zlib.h>
#endif
