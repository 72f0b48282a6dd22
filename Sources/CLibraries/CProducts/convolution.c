#include "cx_products.h"

#if defined(__x86_64__)
#include "lanes.h"
#include <string.h>

// As in the products of rows, six pixels times 64 outputs are 24 sums in registers.
enum { GROUP = CX_PRODUCT_GROUP, VECTORS = 4, WIDTH = 16, LINE = 64, LINE_STEPS = LINE / 4, STEP = VECTORS * LINE };
// Steps that weights are fetched ahead of their use.
enum { AHEAD = 16 };
// Where a panel is read fewer times than this the memory is the limit, and fetching more than comes next takes from it.
enum { FEWEST_GROUPS = 4 };

INLINE SINGLE_TARGET __m512 single_load(const char *values, int v) { return _mm512_loadu_ps(values + v * LINE); }
INLINE SINGLE_TARGET void single_store(char *values, int v, __m512 x) { _mm512_storeu_ps(values + v * LINE, x); }
INLINE PAIR_TARGET __m512 pair_load(const char *values, int v) {
    __m256i bits = _mm256_loadu_si256((const __m256i *)(values + v * LINE / 2));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}
INLINE PAIR_TARGET void pair_store(char *values, int v, __m512 x) {
    _mm256_storeu_si256((__m256i *)(values + v * LINE / 2), (__m256i)_mm512_cvtneps_pbh(x));
}
// What follows the sums of a group, while they are in registers.
#define FINISH(LOAD, STORE)                                                                                            \
    {                                                                                                                  \
        if (residual)                                                                                                  \
            for (int row = 0; row < group; row++)                                                                      \
                for (int v = 0; v < VECTORS; v++)                                                                      \
                    found[row][v] = _mm512_add_ps(found[row][v], LOAD(residual + row * c->target_pixel, v));           \
        if (c->relu)                                                                                                   \
            for (int row = 0; row < group; row++)                                                                      \
                for (int v = 0; v < VECTORS; v++) found[row][v] = _mm512_max_ps(_mm512_setzero_ps(), found[row][v]);   \
        for (int row = 0; row < group; row++)                                                                          \
            for (int v = 0; v < VECTORS; v++) STORE(target + row * c->target_pixel, v, found[row][v]);                 \
    }
// The sums of `group` pixels with a panel, and what follows them; and those of all pixels in turn. What comes next is
// fetched meanwhile: the next group's inputs, what its results will overwrite, and a little of the next panel.
#define CONVOLUTION(NAME, TARGET, SUM, LOAD, STORE)                                                                    \
    INLINE TARGET void NAME##_group(                                                                                   \
        const int group, const struct cx_convolution *c, const char *const *rows, const char *const *next,             \
        const char *panel, const float *bias, char *target, const char *residual, const char *ahead, long lines) {     \
        __m512 found[GROUP][VECTORS];                                                                                  \
        for (int row = 0; row < group; row++)                                                                          \
            for (int v = 0; v < VECTORS; v++) found[row][v] = _mm512_setzero_ps();                                     \
        const long bytes = c->result == CX_PRODUCT_BF16 ? 2 : 4;                                                       \
        for (int row = 0; row < group; row++)                                                                          \
            for (long byte = 0; byte < CX_PRODUCT_PANEL * bytes; byte += LINE)                                         \
                __builtin_prefetch(target + (GROUP + row) * c->target_pixel + byte, 1, 3);                             \
        for (long tap = 0; tap < c->taps; tap++)                                                                       \
            for (long first = 0; first < c->steps; first += LINE_STEPS) {                                              \
                long begin = tap * c->tap_line + first * 4;                                                            \
                long end = begin + (c->steps - first < LINE_STEPS ? c->steps - first : LINE_STEPS) * 4;                \
                for (long place = begin; place < end; place += 4, panel += STEP) {                                     \
                    __m512i w[VECTORS];                                                                                \
                    for (int v = 0; v < VECTORS; v++) {                                                                \
                        w[v] = _mm512_loadu_si512(panel + v * LINE);                                                   \
                        _mm_prefetch(panel + AHEAD * STEP + v * LINE, _MM_HINT_T0);                                    \
                    }                                                                                                  \
                    for (int row = 0; row < group; row++) {                                                            \
                        int bits;                                                                                      \
                        memcpy(&bits, rows[row] + place, 4);                                                           \
                        __m512i value = _mm512_set1_epi32(bits);                                                       \
                        for (int v = 0; v < VECTORS; v++) found[row][v] = SUM(found[row][v], w[v], value);             \
                    }                                                                                                  \
                }                                                                                                      \
                for (int row = 0; row < group; row++) _mm_prefetch(next[row] + begin, _MM_HINT_T0);                    \
                for (long line = 0; line < lines; line++, ahead += LINE) _mm_prefetch(ahead, _MM_HINT_T1);             \
            }                                                                                                          \
        for (int v = 0; v < VECTORS; v++) {                                                                            \
            __m512 each = _mm512_loadu_ps(bias + v * WIDTH);                                                           \
            for (int row = 0; row < group; row++) found[row][v] = _mm512_add_ps(found[row][v], each);                  \
        }                                                                                                              \
        if (c->result == CX_PRODUCT_BF16) FINISH(LOAD, STORE) else FINISH(single_load, single_store)                   \
    }                                                                                                                  \
    static TARGET void NAME(const struct cx_convolution *c, long first, long end, long panel) {                        \
        long size = c->taps * c->steps * STEP;                                                                         \
        const char *weights = c->weights + panel * size, *ahead = weights + size;                                      \
        const float *bias = c->bias + panel * CX_PRODUCT_PANEL;                                                        \
        long groups = (end - first + GROUP - 1) / GROUP;                                                               \
        long strides = c->taps * ((c->steps + LINE_STEPS - 1) / LINE_STEPS);                                           \
        long lines = groups < FEWEST_GROUPS ? 0 : (size / LINE + groups * strides - 1) / (groups * strides);           \
        long column = first % c->width, shift = panel * CX_PRODUCT_PANEL * (c->result == CX_PRODUCT_BF16 ? 2 : 4);     \
        const char *start = c->source + first / c->width * c->line, *rows[GROUP], *next[GROUP];                        \
        for (int i = 0; i < GROUP; i++) {                                                                              \
            next[i] = start + column * c->pixel;                                                                       \
            if (++column == c->width) column = 0, start += c->line;                                                    \
        }                                                                                                              \
        for (long row = first; row < end; row += GROUP) {                                                              \
            for (int i = 0; i < GROUP; i++) rows[i] = next[i];                                                         \
            for (int i = 0; i < GROUP; i++) {                                                                          \
                next[i] = start + column * c->pixel;                                                                   \
                if (++column == c->width) column = 0, start += c->line;                                                \
            }                                                                                                          \
            char *target = c->target + row * c->target_pixel + shift;                                                  \
            const char *residual = c->residual ? c->residual + row * c->target_pixel + shift : 0;                      \
            switch (end - row) {                                                                                       \
            case 1: NAME##_group(1, c, rows, next, weights, bias, target, residual, ahead, lines); break;              \
            case 2: NAME##_group(2, c, rows, next, weights, bias, target, residual, ahead, lines); break;              \
            case 3: NAME##_group(3, c, rows, next, weights, bias, target, residual, ahead, lines); break;              \
            case 4: NAME##_group(4, c, rows, next, weights, bias, target, residual, ahead, lines); break;              \
            case 5: NAME##_group(5, c, rows, next, weights, bias, target, residual, ahead, lines); break;              \
            default: NAME##_group(GROUP, c, rows, next, weights, bias, target, residual, ahead, lines);                \
            }                                                                                                          \
            ahead += strides * lines * LINE;                                                                           \
        }                                                                                                              \
    }
CONVOLUTION(single_convolution, SINGLE_TARGET, single_sum, single_load, single_store)
CONVOLUTION(pair_convolution, PAIR_TARGET, pair_sum, pair_load, pair_store)

void cx_convolve(const struct cx_convolution *convolution, long first, long end, long panel) {
    if (convolution->type == CX_PRODUCT_BF16)
        pair_convolution(convolution, first, end, panel);
    else
        single_convolution(convolution, first, end, panel);
}

#else

// Nobody calls it where `cx_products_are_fast` says no.
void cx_convolve(const struct cx_convolution *convolution, long first, long end, long panel) {
    (void)convolution, (void)first, (void)end, (void)panel;
}
#endif
