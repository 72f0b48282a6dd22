// PNG encoding through libpng's row interface. Every longjmp of libpng lands in this file.
#include <stdlib.h>
#include <string.h>

#include "shim.h"

struct sink {
    uint8_t *bytes;
    size_t count;
    size_t capacity;
};

static void write_bytes(png_structp png, png_bytep source, size_t count) {
    struct sink *sink = png_get_io_ptr(png);
    if (count > sink->capacity - sink->count) {
        if (count > SIZE_MAX / 4 || sink->capacity > SIZE_MAX / 4) png_error(png, "the file is too large");
        size_t capacity = sink->capacity * 2 + count;
        uint8_t *bytes = realloc(sink->bytes, capacity);
        if (!bytes) png_error(png, "out of memory");
        sink->bytes = bytes;
        sink->capacity = capacity;
    }
    memcpy(sink->bytes + sink->count, source, count);
    sink->count += count;
}

static void flush_bytes(png_structp png) { (void)png; }

static void set_palette(png_structp png, png_infop info, const uint8_t *palette, int palette_count,
                        const uint8_t *alphas, int alpha_count) {
    png_color colors[256];
    if (palette_count < 1 || palette_count > 256) png_error(png, "a palette has 1 to 256 entries");
    for (int index = 0; index < palette_count; index++) {
        colors[index].red = palette[3 * index];
        colors[index].green = palette[3 * index + 1];
        colors[index].blue = palette[3 * index + 2];
    }
    png_set_PLTE(png, info, colors, palette_count);
    if (alphas && alpha_count > 0) png_set_tRNS(png, info, (png_bytep)alphas, alpha_count, NULL);
}

static int encode(png_structp png, png_infop info, const struct cx_png_layout *layout, const uint8_t *pixels,
                  size_t row_bytes, const uint8_t *palette, int palette_count, const uint8_t *alphas, int alpha_count,
                  struct sink *sink) {
    if (setjmp(png_jmpbuf(png))) return -1;
    png_set_write_fn(png, sink, write_bytes, flush_bytes);
    png_set_IHDR(png, info, layout->width, layout->height, layout->bit_depth, layout->color_type, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_BASE, PNG_FILTER_TYPE_BASE);
    if (layout->color_type == PNG_COLOR_TYPE_PALETTE)
        set_palette(png, info, palette, palette_count, alphas, alpha_count);
    png_write_info(png, info);
    if (layout->bit_depth < 8) png_set_packing(png);
    if (layout->bit_depth == 16) png_set_swap(png);
    for (uint32_t row = 0; row < layout->height; row++) png_write_row(png, pixels + row_bytes * row);
    png_write_end(png, NULL);
    return 0;
}

int cx_png_encode(const struct cx_png_layout *layout, const uint8_t *pixels, size_t row_bytes, const uint8_t *palette,
                  int palette_count, const uint8_t *alphas, int alpha_count, uint8_t **encoded, size_t *encoded_count,
                  char message[CX_PNG_MESSAGE_SIZE]) {
    struct sink sink = {NULL, 0, 0};
    *encoded = NULL;
    *encoded_count = 0;
    message[0] = 0;
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, message, cx_png_fail, cx_png_fail);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    int status = -1;
    if (info)
        status = encode(png, info, layout, pixels, row_bytes, palette, palette_count, alphas, alpha_count, &sink);
    else
        cx_png_copy_message(message, "libpng is out of memory");
    png_destroy_write_struct(&png, &info);
    if (status != 0) {
        free(sink.bytes);
        return -1;
    }
    *encoded = sink.bytes;
    *encoded_count = sink.count;
    return 0;
}

void cx_png_free(uint8_t *encoded) { free(encoded); }
