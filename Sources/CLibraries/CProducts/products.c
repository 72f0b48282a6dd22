#include "cx_products.h"

#if defined(__x86_64__)
#include "lanes.h"
#include <string.h>

// Six rows times 64 outputs are 24 sums; with four vectors of weights and what is spread of a row they fill the 32 registers.
// A step then loads ten times for 24 products, and the weights come from the second cache fast enough. Of narrower panels more
// rows are taken together.
enum { GROUP = CX_PRODUCT_GROUP, NARROW_GROUP = 12, WIDTH = 16, LINE = 64, LINE_STEPS = LINE / 4 };
// Steps of a panel that are gone through for all rows before the next ones: a quarter of a megabyte stays in a core's cache.
enum { CHUNK = 1024 };
// Steps that weights are fetched ahead of their use.
enum { AHEAD = 16 };
// Where a panel is read fewer times than this the memory is the limit, and fetching more than comes next takes from it.
enum { FEWEST_GROUPS = 4 };

// The operands of a product, as `cx_product` has them.
struct product {
    const char *rows;
    long stride, count;
    const char *panel;
    long steps;
    float *sums;
    long sums_stride;
    const char *next;
};

// The sums of `group` rows with `vectors` vectors of outputs over some steps, and those of all rows over all steps. Where both
// numbers are constants the sums are registers.
#define PRODUCTS(NAME, TARGET, SUM)                                                                                    \
    INLINE TARGET void NAME##_group(                                                                                   \
        const int vectors, const int group, const struct product *p, const char *rows, const char *panel, long steps,  \
        float *sums, int begins, const char *ahead, long lines) {                                                      \
        __m512 found[NARROW_GROUP][4];                                                                                 \
        for (int row = 0; row < group; row++)                                                                          \
            for (int v = 0; v < vectors; v++)                                                                          \
                found[row][v] =                                                                                        \
                    begins ? _mm512_setzero_ps() : _mm512_loadu_ps(sums + row * p->sums_stride + v * WIDTH);           \
        for (long first = 0; first < steps; first += LINE_STEPS) {                                                     \
            long end = first + LINE_STEPS < steps ? first + LINE_STEPS : steps;                                        \
            for (long step = first; step < end; step++) {                                                              \
                const char *weights = panel + step * vectors * LINE;                                                   \
                __m512i w[4];                                                                                          \
                for (int v = 0; v < vectors; v++) {                                                                    \
                    w[v] = _mm512_loadu_si512(weights + v * LINE);                                                     \
                    _mm_prefetch(weights + (AHEAD * vectors + v) * LINE, _MM_HINT_T0);                                 \
                }                                                                                                      \
                for (int row = 0; row < group; row++) {                                                                \
                    int bits;                                                                                          \
                    memcpy(&bits, rows + row * p->stride + step * 4, 4);                                               \
                    __m512i value = _mm512_set1_epi32(bits);                                                           \
                    for (int v = 0; v < vectors; v++) found[row][v] = SUM(found[row][v], w[v], value);                 \
                }                                                                                                      \
            }                                                                                                          \
            for (int row = 0; row < group; row++)                                                                      \
                _mm_prefetch(rows + (group + row) * p->stride + first * 4, _MM_HINT_T0);                               \
            for (long line = 0; line < lines; line++, ahead += LINE) _mm_prefetch(ahead, _MM_HINT_T1);                 \
        }                                                                                                              \
        for (int row = 0; row < group; row++)                                                                          \
            for (int v = 0; v < vectors; v++)                                                                          \
                _mm512_storeu_ps(sums + row * p->sums_stride + v * WIDTH, found[row][v]);                              \
    }                                                                                                                  \
    INLINE TARGET void NAME##_panel(const int vectors, const int most, const struct product *p) {                      \
        for (long first = 0; first < p->steps; first += CHUNK) {                                                       \
            long size = p->steps - first < CHUNK ? p->steps - first : CHUNK;                                           \
            const char *weights = p->panel + first * vectors * LINE;                                                   \
            /* What comes next is fetched a little with each group. */                                                 \
            const char *ahead = first + size < p->steps ? weights + size * vectors * LINE : p->next;                   \
            long groups = (p->count + most - 1) / most;                                                                \
            long lines = ahead && groups >= FEWEST_GROUPS ? (LINE_STEPS * vectors + groups - 1) / groups : 0;          \
            for (long row = 0, taken; row < p->count; row += taken) {                                                  \
                const char *own = p->rows + row * p->stride + first * 4;                                               \
                float *sums = p->sums + row * p->sums_stride;                                                          \
                long left = p->count - row;                                                                            \
                taken = left >= most ? most : left > GROUP ? GROUP : left;                                             \
                switch (taken) {                                                                                       \
                case 1: NAME##_group(vectors, 1, p, own, weights, size, sums, first == 0, ahead, lines); break;        \
                case 2: NAME##_group(vectors, 2, p, own, weights, size, sums, first == 0, ahead, lines); break;        \
                case 3: NAME##_group(vectors, 3, p, own, weights, size, sums, first == 0, ahead, lines); break;        \
                case 4: NAME##_group(vectors, 4, p, own, weights, size, sums, first == 0, ahead, lines); break;        \
                case 5: NAME##_group(vectors, 5, p, own, weights, size, sums, first == 0, ahead, lines); break;        \
                case 6: NAME##_group(vectors, 6, p, own, weights, size, sums, first == 0, ahead, lines); break;        \
                default: NAME##_group(vectors, most, p, own, weights, size, sums, first == 0, ahead, lines);           \
                }                                                                                                      \
                if (ahead) ahead += (size + LINE_STEPS - 1) / LINE_STEPS * lines * LINE;                               \
            }                                                                                                          \
        }                                                                                                              \
    }                                                                                                                  \
    static TARGET void NAME(const struct product *p, int width) {                                                      \
        switch (width) {                                                                                               \
        case 16: NAME##_panel(1, NARROW_GROUP, p); break;                                                              \
        case 32: NAME##_panel(2, NARROW_GROUP, p); break;                                                              \
        default: NAME##_panel(4, GROUP, p);                                                                            \
        }                                                                                                              \
    }

PRODUCTS(single_products, SINGLE_TARGET, single_sum)
PRODUCTS(pair_products, PAIR_TARGET, pair_sum)

#define SMALL_TARGET __attribute__((target("avx2,fma")))
enum { SMALL_WIDTH = 8, SMALL_VECTORS = 2 };

// Where vectors are half as long: six rows times 16 outputs are 12 sums of 16 registers.
INLINE SMALL_TARGET void small_group(const int group, const struct product *p, long row, int column, int width) {
    __m256 found[GROUP][SMALL_VECTORS];
    const char *rows = p->rows + row * p->stride;
    const float *weights = (const float *)p->panel + column;
    for (int r = 0; r < group; r++)
        for (int v = 0; v < SMALL_VECTORS; v++) found[r][v] = _mm256_setzero_ps();
    for (long step = 0; step < p->steps; step++, weights += width) {
        __m256 w[SMALL_VECTORS];
        for (int v = 0; v < SMALL_VECTORS; v++) w[v] = _mm256_loadu_ps(weights + v * SMALL_WIDTH);
        for (int r = 0; r < group; r++) {
            __m256 value = _mm256_broadcast_ss((const float *)(rows + r * p->stride) + step);
            for (int v = 0; v < SMALL_VECTORS; v++) found[r][v] = _mm256_fmadd_ps(w[v], value, found[r][v]);
        }
    }
    float *sums = p->sums + row * p->sums_stride + column;
    for (int r = 0; r < group; r++)
        for (int v = 0; v < SMALL_VECTORS; v++) _mm256_storeu_ps(sums + r * p->sums_stride + v * SMALL_WIDTH, found[r][v]);
}

static SMALL_TARGET void small_products(const struct product *p, int width) {
    for (int column = 0; column < width; column += SMALL_WIDTH * SMALL_VECTORS) {
        long row = 0;
        for (; row + GROUP <= p->count; row += GROUP) small_group(GROUP, p, row, column, width);
        for (; row < p->count; row++) small_group(1, p, row, column, width);
    }
}

int cx_products_are_fast(int type) {
    return type == CX_PRODUCT_F32 ? __builtin_cpu_supports("avx512f") != 0
                                  : __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vl");
}

void cx_product(
    int type, const void *rows, long stride, long count, const void *panel, int width, long steps, float *sums,
    long sums_stride, const void *next) {
    const struct product p = {rows, stride, count, panel, steps, sums, sums_stride, next};
    if (type == CX_PRODUCT_BF16)
        pair_products(&p, width);
    else if (type == CX_PRODUCT_F32 && cx_products_are_fast(type))
        single_products(&p, width);
    else
        small_products(&p, width);
}

#else

#include <math.h>

// Elsewhere networks take the library's products; those of f32 are there all the same, with the same bits.
int cx_products_are_fast(int type) {
    (void)type;
    return 0;
}

void cx_product(
    int type, const void *rows, long stride, long count, const void *panel, int width, long steps, float *sums,
    long sums_stride, const void *next) {
    (void)type, (void)next;
    const float *weights = panel;
    for (long row = 0; row < count; row++, sums += sums_stride) {
        const float *values = (const float *)((const char *)rows + row * stride);
        for (int output = 0; output < width; output++) sums[output] = 0;
        for (long step = 0; step < steps; step++)
            for (int output = 0; output < width; output++)
                sums[output] = fmaf(weights[step * width + output], values[step], sums[output]);
    }
}
#endif
