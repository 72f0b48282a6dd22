#ifndef CHEXGEN_CPNG_H
#define CHEXGEN_CPNG_H
#include <stddef.h>
#include <stdint.h>

/// Room for one of libpng's messages, with its final zero.
#define CX_PNG_MESSAGE_SIZE 200

/// The layout of a PNG's pixels as its IHDR chunk states it.
struct cx_png_layout {
    uint32_t width;
    uint32_t height;
    int bit_depth;   // 1, 2, 4, 8 or 16
    int color_type;  // 0 gray, 2 RGB, 3 palette, 4 gray and alpha, 6 RGBA
};

/// Decodes a PNG of `count` bytes into `pixels`, which holds `height` rows of `row_bytes` bytes.
///
/// Samples of 1, 2 and 4 bits come one a byte, not scaled. Of 16-bit samples the upper byte is kept, except in gray, which
/// comes as little-endian 16-bit words. Any warning of libpng is an error. The layout must be the one in the file and
/// `row_bytes` the one that it makes; else nothing is written.
/// @return 0, or -1 with the reason in `message`.
int cx_png_decode(const uint8_t *bytes, size_t count, const struct cx_png_layout *layout, uint8_t *pixels,
                  size_t row_bytes, char message[CX_PNG_MESSAGE_SIZE]);

/// Encodes rows of `row_bytes` bytes as a PNG. Samples of 1 bit come one a byte; 16-bit samples are little-endian.
///
/// The bytes depend on the pixels and the layout (and on the versions of libpng and zlib) only.
/// @param palette red, green and blue of `palette_count` entries; used with color type 3.
/// @param alphas alphas of the first `alpha_count` palette entries, or NULL.
/// @param encoded on success, `*encoded_count` bytes that the caller frees with cx_png_free.
/// @return 0, or -1 with the reason in `message`.
int cx_png_encode(const struct cx_png_layout *layout, const uint8_t *pixels, size_t row_bytes, const uint8_t *palette,
                  int palette_count, const uint8_t *alphas, int alpha_count, uint8_t **encoded, size_t *encoded_count,
                  char message[CX_PNG_MESSAGE_SIZE]);

/// Frees what cx_png_encode made.
void cx_png_free(uint8_t *encoded);
#endif
