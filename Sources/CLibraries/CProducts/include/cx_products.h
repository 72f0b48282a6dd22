#ifndef CHEXGEN_PRODUCTS_H
#define CHEXGEN_PRODUCTS_H

/// The types that a product's operands have; f32 also as processors with AVX2 alone compute it, which gives the same bits.
enum { CX_PRODUCT_F32 = 0, CX_PRODUCT_BF16 = 1, CX_PRODUCT_F32_AVX2 = 2 };

/// Outputs that lie together in a whole panel of weights, and rows that are taken together with it.
enum { CX_PRODUCT_PANEL = 64, CX_PRODUCT_GROUP = 6 };

/// Whether this processor has the instructions that make it fast: AVX-512, for bf16 its dot products of pairs. Products of f32 are
/// there for AVX2, too.
int cx_products_are_fast(int type);

/// sums[row][output] = Σ rows[row][input] · panel[input][output], f32.
///
/// A row's sums go over its inputs in one order, and so have the same bits whatever rows stand beside it.
/// - rows: `count` rows that lie `stride` bytes apart.
/// - panel: for each step, an input (f32) or two (bf16), `width` weights or pairs of them.
/// - width: 16, 32 or 64 outputs.
/// - steps: inputs, or pairs of inputs.
/// - sums: rows of them that lie `sums_stride` elements apart.
/// - next: what the caller reads after this panel, fetched meanwhile: any address, or null.
void cx_product(
    int type, const void *rows, long stride, long count, const void *panel, int width, long steps, float *sums,
    long sums_stride, const void *next);
#endif
