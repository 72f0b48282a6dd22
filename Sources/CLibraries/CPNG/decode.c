// PNG decoding through libpng's row interface. Every longjmp of libpng lands in this file.
#include <string.h>

#include "shim.h"

struct source {
    const uint8_t *bytes;
    size_t left;
    size_t budget;  // bytes that may be read before the next row is done
};

/// What one row may cost beyond its own length. libpng unpacks all that follows the last row, a thousandfold of what the
/// file holds, only to say that it is too much.
static const size_t row_allowance = 1 << 16;

static void read_bytes(png_structp png, png_bytep target, size_t count) {
    struct source *source = png_get_io_ptr(png);
    if (count > source->left) png_error(png, "the file ends too early");
    if (count > source->budget) png_error(png, "too much image data");
    memcpy(target, source->bytes, count);
    source->bytes += count;
    source->left -= count;
    source->budget -= count;
}

/// Ancillary chunks are skipped, their checksums still checked: nothing of them is unpacked or kept.
static void skip_ancillary_chunks(png_structp png) {
    static const png_byte transparency[] = {'t', 'R', 'N', 'S', 0};
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, transparency, 1);
    png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    png_set_benign_errors(png, 0);
}

static int matches(png_structp png, png_infop info, const struct cx_png_layout *layout) {
    return png_get_image_width(png, info) == layout->width && png_get_image_height(png, info) == layout->height &&
           png_get_bit_depth(png, info) == layout->bit_depth && png_get_color_type(png, info) == layout->color_type;
}

int cx_png_decode(const uint8_t *bytes, size_t count, const struct cx_png_layout *layout, uint8_t *pixels,
                  size_t row_bytes, char message[CX_PNG_MESSAGE_SIZE]) {
    struct source source = {bytes, count, SIZE_MAX};
    message[0] = 0;
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, message, cx_png_fail, cx_png_fail);
    if (!png) {
        cx_png_copy_message(message, "libpng could not be started");
        return -1;
    }
    png_infop info = png_create_info_struct(png);
    if (!info) {
        png_destroy_read_struct(&png, NULL, NULL);
        cx_png_copy_message(message, "libpng is out of memory");
        return -1;
    }
    if (setjmp(png_jmpbuf(png))) {
        png_destroy_read_struct(&png, &info, NULL);
        return -1;
    }
    png_set_read_fn(png, &source, read_bytes);
    png_set_user_limits(png, layout->width, layout->height);
    skip_ancillary_chunks(png);
    png_read_info(png, info);
    if (!matches(png, info, layout)) png_error(png, "the header changed while it was read");

    if (layout->bit_depth < 8) png_set_packing(png);
    if (layout->bit_depth == 16) {
        if (layout->color_type == PNG_COLOR_TYPE_GRAY)
            png_set_swap(png);
        else
            png_set_strip_16(png);
    }
    int passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);
    if (png_get_rowbytes(png, info) != row_bytes) png_error(png, "the rows have another length than the header states");
    for (int pass = 0; pass < passes; pass++)
        for (uint32_t row = 0; row < layout->height; row++) {
            source.budget = 4 * row_bytes + row_allowance;
            png_read_row(png, pixels + row_bytes * row, NULL);
        }
    source.budget = SIZE_MAX;
    png_read_end(png, NULL);
    png_destroy_read_struct(&png, &info, NULL);
    return 0;
}
