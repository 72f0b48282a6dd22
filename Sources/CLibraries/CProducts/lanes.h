// What the kernels of this folder share: a step of a product, an input of f32 or two of bf16, with sixteen outputs.
#ifndef CHEXGEN_LANES_H
#define CHEXGEN_LANES_H

#include <immintrin.h>

#define SINGLE_TARGET __attribute__((target("avx512f")))
#define PAIR_TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))
#define INLINE static inline __attribute__((always_inline))

INLINE SINGLE_TARGET __m512 single_sum(__m512 sum, __m512i weights, __m512i value) {
    return _mm512_fmadd_ps(_mm512_castsi512_ps(weights), _mm512_castsi512_ps(value), sum);
}
INLINE PAIR_TARGET __m512 pair_sum(__m512 sum, __m512i weights, __m512i value) {
    return _mm512_dpbf16_ps(sum, (__m512bh)weights, (__m512bh)value);
}

#endif
