#include <string.h>

#include "shim.h"

void cx_png_copy_message(char *message, const char *text) {
    size_t length = strlen(text);
    if (length > CX_PNG_MESSAGE_SIZE - 1) length = CX_PNG_MESSAGE_SIZE - 1;
    memcpy(message, text, length);
    message[length] = 0;
}

void cx_png_fail(png_structp png, png_const_charp text) {
    char *message = png_get_error_ptr(png);
    if (message) cx_png_copy_message(message, text);
    png_longjmp(png, 1);
}
