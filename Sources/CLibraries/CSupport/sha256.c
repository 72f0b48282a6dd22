// SHA-256 (FIPS 180-4), with the SHA extensions of x86 where the processor has them.
#include "cx_sha256.h"

#include <pthread.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

static const uint32_t round_constants[64] __attribute__((aligned(16))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotated(uint32_t value, int count) { return value >> count | value << (32 - count); }

static void digest_portable(uint32_t *state, const uint8_t *data, size_t blocks) {
    for (; blocks > 0; blocks--, data += 64) {
        uint32_t words[64];
        for (int i = 0; i < 16; i++) {
            words[i] = (uint32_t)data[4 * i] << 24 | (uint32_t)data[4 * i + 1] << 16 |
                       (uint32_t)data[4 * i + 2] << 8 | data[4 * i + 3];
        }
        for (int i = 16; i < 64; i++) {
            uint32_t early = words[i - 15], late = words[i - 2];
            words[i] = words[i - 16] + (rotated(early, 7) ^ rotated(early, 18) ^ early >> 3) + words[i - 7] +
                       (rotated(late, 17) ^ rotated(late, 19) ^ late >> 10);
        }
        uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
        uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
        for (int i = 0; i < 64; i++) {
            uint32_t first = h + (rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)) + ((e & f) ^ (~e & g)) +
                             round_constants[i] + words[i];
            uint32_t second = (rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
            h = g, g = f, f = e, e = d + first, d = c, c = b, b = a, a = first + second;
        }
        state[0] += a, state[1] += b, state[2] += c, state[3] += d;
        state[4] += e, state[5] += f, state[6] += g, state[7] += h;
    }
}

static void (*digest)(uint32_t *, const uint8_t *, size_t) = digest_portable;
static pthread_once_t chosen = PTHREAD_ONCE_INIT;

#if defined(__x86_64__)
// The two state registers hold ABEF and CDGH, as the instructions want them; four rounds a step.
__attribute__((target("sha,sse4.1,ssse3"))) static void digest_extension(uint32_t *state, const uint8_t *data,
                                                                          size_t blocks) {
    const __m128i bytes_swapped = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
    __m128i low = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xB1);
    __m128i high = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(state + 4)), 0x1B);
    __m128i abef = _mm_alignr_epi8(low, high, 8);
    __m128i cdgh = _mm_blend_epi16(high, low, 0xF0);
    for (; blocks > 0; blocks--, data += 64) {
        const __m128i abef_before = abef, cdgh_before = cdgh;
        __m128i words[4];
#pragma clang loop unroll(full)
        for (int i = 0; i < 4; i++)
            words[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)data + i), bytes_swapped);
#pragma clang loop unroll(full)
        for (int step = 0; step < 16; step++) {
            __m128i keyed = _mm_add_epi32(words[step & 3], ((const __m128i *)round_constants)[step]);
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, keyed);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(keyed, 0x0E));
            if (step < 12) {
                __m128i next = _mm_sha256msg1_epu32(words[step & 3], words[(step + 1) & 3]);
                next = _mm_add_epi32(next, _mm_alignr_epi8(words[(step + 3) & 3], words[(step + 2) & 3], 4));
                words[step & 3] = _mm_sha256msg2_epu32(next, words[(step + 3) & 3]);
            }
        }
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }
    low = _mm_shuffle_epi32(abef, 0x1B);
    high = _mm_shuffle_epi32(cdgh, 0xB1);
    _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(low, high, 0xF0));
    _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(high, low, 8));
}
#endif

static void choose(void) {
#if defined(__x86_64__)
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSSE3) || !(c & bit_SSE4_1)) return;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA)) digest = digest_extension;
#endif
}

void cx_sha256_start(struct cx_sha256 *hash) {
    static const uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    pthread_once(&chosen, choose);
    memset(hash, 0, sizeof *hash);
    memcpy(hash->state, initial, sizeof initial);
}

void cx_sha256_add(struct cx_sha256 *hash, const void *bytes, size_t count) {
    const uint8_t *data = bytes;
    size_t held = hash->length % 64;
    hash->length += count;
    if (held > 0) {
        size_t taken = 64 - held < count ? 64 - held : count;
        memcpy(hash->tail + held, data, taken);
        if (held + taken < 64) return;
        digest(hash->state, hash->tail, 1);
        data += taken, count -= taken;
    }
    digest(hash->state, data, count / 64);
    if (count % 64 > 0) memcpy(hash->tail, data + count / 64 * 64, count % 64);
}

void cx_sha256_finish(struct cx_sha256 *hash, uint8_t result[32]) {
    uint64_t bits = hash->length * 8;
    size_t held = hash->length % 64;
    uint8_t ending[128] = {0x80};
    size_t length = held < 56 ? 64 - held : 128 - held;
    for (int i = 0; i < 8; i++) ending[length - 1 - i] = (uint8_t)(bits >> (8 * i));
    cx_sha256_add(hash, ending, length);
    for (int i = 0; i < 32; i++) result[i] = (uint8_t)(hash->state[i / 4] >> (24 - 8 * (i % 4)));
}

void cx_sha256_use_portable(bool portable) {
    pthread_once(&chosen, choose);
    digest = digest_portable;
    if (!portable) choose();
}
