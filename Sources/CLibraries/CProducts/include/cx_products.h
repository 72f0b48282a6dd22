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

/// A convolution whose taps are runs of numbers that lie together in its images: those of one pixel, or those of a whole row of the kernel.
struct cx_convolution {
    /// `CX_PRODUCT_F32` or `CX_PRODUCT_BF16`: of images and weights, and of results and residual. Results of f32 images are f32.
    int type, result;
    /// Where the first tap of the first result begins.
    const char *source;
    /// Bytes from the first tap of a result to that of the next, and of a row of results to that of the next row.
    long pixel, line;
    /// Results of a row.
    long width;
    /// Taps, the bytes from one to the next, and the steps of each: inputs, or pairs of them.
    long taps, tap_line, steps;
    /// Panels of `CX_PRODUCT_PANEL` outputs: in them each tap's steps in order, as `cx_product` has them.
    const char *weights;
    /// One for each output.
    const float *bias;
    /// What is added to the results, laid out as they are; null where nothing is. It may be the target.
    const char *residual;
    /// Whether results below zero become zero.
    int relu;
    /// Where the first result goes, and the bytes from one to the next.
    char *target;
    long target_pixel;
};

/// Works out one panel's outputs of the results `first` to `end`: the sums over all taps, then bias, residual and relu.
///
/// A result's sums go over its steps in one order, and so have the same bits whatever results stand beside it. Only where
/// `cx_products_are_fast`.
void cx_convolve(const struct cx_convolution *convolution, long first, long end, long panel);
#endif
