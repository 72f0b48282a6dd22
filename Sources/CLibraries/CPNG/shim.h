#ifndef CHEXGEN_PNG_SHIM_H
#define CHEXGEN_PNG_SHIM_H
#include <png.h>

#include "CPNG.h"

/// Takes libpng's errors and warnings: keeps the first message and jumps back to the setjmp of the same call.
void cx_png_fail(png_structp png, png_const_charp text);
/// Copies at most CX_PNG_MESSAGE_SIZE - 1 characters.
void cx_png_copy_message(char *message, const char *text);
#endif
