// The sums before and after the products of winograd.cpp, sixteen channels at a time. Rows and columns go alike, so that a
// two-dimensional transform is the one-dimensional one twice.
#pragma once
#include <cstdint>

// One binary serves every x86-64 processor: the loader picks.
#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#define VECTORIZED __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define VECTORIZED
#endif

namespace winograd {
namespace {
constexpr int64_t LANES = 16;
constexpr int PRODUCTS = 9;  // of a tile of 2x2 outputs and one phase
constexpr int SHARED = 5;    // factors along one dimension that both phases are made of

typedef float Lanes __attribute__((vector_size(64), aligned(4), may_alias));
__attribute__((always_inline)) inline const Lanes &lanes(const float *from) { return *reinterpret_cast<const Lanes *>(from); }
__attribute__((always_inline)) inline Lanes &lanes(float *to) { return *reinterpret_cast<Lanes *>(to); }

// 3x3 pixels to the nine factors d, `step` apart.
VECTORIZED void transform_pixels(const float *const d[9], float *out, int64_t step, int64_t channels) {
  for (int64_t c = 0; c < channels; c += LANES) {
    Lanes t[3][3];
    for (int i = 0; i < 3; ++i) {
      t[0][i] = lanes(d[i] + c) - lanes(d[3 + i] + c);
      t[1][i] = lanes(d[3 + i] + c);
      t[2][i] = lanes(d[6 + i] + c) - lanes(d[3 + i] + c);
    }
    for (int i = 0; i < 3; ++i) {
      float *o = out + 3 * i * step + c;
      lanes(o) = t[i][0] - t[i][1];
      lanes(o + step) = t[i][1];
      lanes(o + 2 * step) = t[i][2] - t[i][1];
    }
  }
}

// 4x4 pixels to the 5x5 factors d of all four phases. Of pixels y0 to y3 phase 1 takes y0 - y1, y1, y2 - y1, and phase 0
// takes y1 - y2, y2, y3 - y2: the third factor serves both, with a sign that the taps carry.
VECTORIZED void transform_shared_pixels(const float *const d[16], float *out, int64_t step, int64_t channels) {
  for (int64_t c = 0; c < channels; c += LANES) {
    Lanes t[SHARED][4];
    for (int i = 0; i < 4; ++i) {
      t[0][i] = lanes(d[i] + c) - lanes(d[4 + i] + c);
      t[1][i] = lanes(d[4 + i] + c);
      t[2][i] = lanes(d[8 + i] + c) - lanes(d[4 + i] + c);
      t[3][i] = lanes(d[8 + i] + c);
      t[4][i] = lanes(d[12 + i] + c) - lanes(d[8 + i] + c);
    }
    for (int i = 0; i < SHARED; ++i) {
      float *o = out + SHARED * i * step + c;
      lanes(o) = t[i][0] - t[i][1];
      lanes(o + step) = t[i][1];
      lanes(o + 2 * step) = t[i][2] - t[i][1];
      lanes(o + 3 * step) = t[i][2];
      lanes(o + 4 * step) = t[i][3] - t[i][2];
    }
  }
}

// 2x2 taps to the nine factors g, `step` apart; of those that meet d0 - d1 the sign may be turned, by row and by column.
VECTORIZED void transform_taps(const float *const g[4], float *out, int64_t step, int64_t channels, bool turn_row,
                               bool turn_column) {
  for (int64_t c = 0; c < channels; c += LANES) {
    Lanes t[3][2];
    for (int i = 0; i < 2; ++i) {
      t[0][i] = turn_row ? -lanes(g[i] + c) : lanes(g[i] + c);
      t[1][i] = lanes(g[i] + c) + lanes(g[2 + i] + c);
      t[2][i] = lanes(g[2 + i] + c);
    }
    for (int i = 0; i < 3; ++i) {
      float *o = out + 3 * i * step + c;
      lanes(o) = turn_column ? -t[i][0] : t[i][0];
      lanes(o + step) = t[i][0] + t[i][1];
      lanes(o + 2 * step) = t[i][1];
    }
  }
}

// Nine products, `step` apart, to 2x2 outputs, or added to them.
VECTORIZED void transform_products(const float *m, int64_t step, float *const out[4], int64_t channels, bool add) {
  for (int64_t c = 0; c < channels; c += LANES) {
    Lanes t[2][3];
    for (int i = 0; i < 3; ++i) {
      const float *x = m + i * step + c;
      t[0][i] = lanes(x) + lanes(x + 3 * step);
      t[1][i] = lanes(x + 3 * step) + lanes(x + 6 * step);
    }
    for (int i = 0; i < 4; ++i) {
      Lanes y = t[i / 2][i % 2] + t[i / 2][i % 2 + 1];
      lanes(out[i] + c) = add ? y + lanes(out[i] + c) : y;
    }
  }
}

// [rows, columns] to [columns, rows], rows of both `pitch_in` and `pitch_out` apart.
VECTORIZED void transpose(const float *in, int64_t pitch_in, float *out, int64_t pitch_out, int64_t rows, int64_t columns) {
  for (int64_t j = 0; j < columns; ++j)
    for (int64_t i = 0; i < rows; ++i) out[j * pitch_out + i] = in[i * pitch_in + j];
}
}  // namespace
}  // namespace winograd
