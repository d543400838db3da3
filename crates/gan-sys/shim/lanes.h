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
}  // namespace
