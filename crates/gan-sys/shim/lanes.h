// Vectors of 16 words, and numbers of f32 or bf16 read into them as f32 and written from them.
#pragma once
#include <c10/util/BFloat16.h>
#include <cstdint>

#define INLINE __attribute__((always_inline)) inline

namespace {
using c10::BFloat16;

constexpr int64_t LANES = 16;  // words of a vector

typedef float Lanes __attribute__((vector_size(64), aligned(4), may_alias));
typedef uint32_t Words __attribute__((vector_size(64), aligned(4), may_alias));
typedef int32_t Signed __attribute__((vector_size(64), aligned(4), may_alias));
typedef uint16_t Halves __attribute__((vector_size(32), aligned(2), may_alias));

// To the nearest bf16, in the upper half; of two as near, to the even one. NaNs come here from bf16 or from the processor,
// with nothing in the lower half that could carry over.
INLINE Words rounded(Lanes x) { return (Words)x + 0x7fff + (((Words)x >> 16) & 1); }

INLINE Lanes load(const float *from) { return *reinterpret_cast<const Lanes *>(from); }
INLINE Lanes load(const BFloat16 *from) {
  return (Lanes)(__builtin_convertvector(*reinterpret_cast<const Halves *>(from), Words) << 16);
}
INLINE void store(float *to, Lanes x) { *reinterpret_cast<Lanes *>(to) = x; }
INLINE void store(BFloat16 *to, Lanes x) {
  *reinterpret_cast<Halves *>(to) = __builtin_convertvector(rounded(x) >> 16, Halves);
}

// Comparisons, made of integers: numbers compared as such would be taken out of their vector one by one, because a loop for
// several processors cannot have the newest one's masks. All bits of a word are set where it holds.
INLINE Words below(Words x, Words y) { return (Words)((Signed)(x - y) >> 31); }  // both under 2^31
INLINE Words negative(Lanes x) { return (Words)((Signed)x >> 31); }              // and -0
INLINE Words positive(Lanes x) { return (Words)((Signed)(~(Words)x & -(Words)x) >> 31); }
INLINE Words magnitude(Lanes x) { return (Words)x & 0x7fffffff; }
INLINE Lanes chosen(Words where, Lanes x, Lanes y) { return (Lanes)((where & (Words)x) | (~where & (Words)y)); }

INLINE float total(Lanes x) {
  x += __builtin_shuffle(x, Words{8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7});
  x += __builtin_shuffle(x, Words{4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11});
  x += __builtin_shuffle(x, Words{2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13});
  x += __builtin_shuffle(x, Words{1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14});
  return x[0];
}
}  // namespace
