// Loops that are compiled for several processors.
#pragma once
#include <cstdint>

// One binary serves every x86-64 processor: the loader picks.
#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#define VECTORIZED __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define VECTORIZED
#endif

namespace {
// Words [rows, columns] to [columns, rows], rows of both `pitch_in` and `pitch_out` apart.
VECTORIZED void transpose(const float *in, int64_t pitch_in, float *out, int64_t pitch_out, int64_t rows, int64_t columns) {
  for (int64_t j = 0; j < columns; ++j)
    for (int64_t i = 0; i < rows; ++i) out[j * pitch_out + i] = in[i * pitch_in + j];
}
}  // namespace
