// The sums before and after the products of winograd.cpp, a vector at a time. Rows and columns go alike, so that a
// two-dimensional transform is the one-dimensional one twice. All sums are f32; numbers lie in memory as f32, or as bf16, two
// in a word of 32 bits. `T` says which.
#pragma once
#include "lanes.h"
#include "product.h"
#include "vectorized.h"

namespace winograd {
namespace {
constexpr int PRODUCTS = 9;    // of a tile of 2x2 outputs and one phase
constexpr int SHARED = 5;      // factors along one dimension that both phases are made of

constexpr uint32_t UPPER = 0xffff0000;

// A vector of words, with the numbers of every word apart.
template <class T>
struct Vector {
  Lanes part[PAIR<T>];

  INLINE Vector operator+(const Vector &o) const { return each([&](int p) { return part[p] + o.part[p]; }); }
  INLINE Vector operator-(const Vector &o) const { return each([&](int p) { return part[p] - o.part[p]; }); }
  INLINE Vector turned(bool turn) const { return each([&](int p) { return turn ? -part[p] : part[p]; }); }
  template <class F>
  INLINE static Vector each(const F &f) {
    Vector out;
    for (int p = 0; p < PAIR<T>; ++p) out.part[p] = f(p);
    return out;
  }
};

INLINE Words words(const void *from) { return *static_cast<const Words *>(from); }
INLINE Lanes part(Words words, int64_t p) { return (Lanes)(p ? words & UPPER : words << 16); }

// Vector v of one row of numbers: the words as they lie.
INLINE Vector<float> read(const float *const row[1], int64_t v) { return {{(Lanes)words(row[0] + v * LANES)}}; }
INLINE Vector<BFloat16> read(const BFloat16 *const row[1], int64_t v) {
  Words both = words(row[0] + v * 2 * LANES);
  return {{part(both, 0), part(both, 1)}};
}
// Vector v of two rows, whose numbers come together: of 32 columns first the even ones, then the odd.
INLINE Vector<BFloat16> read_two(const BFloat16 *const rows[2], int64_t v) {
  return {{part(words(rows[0] + v / 2 * 2 * LANES), v % 2), part(words(rows[1] + v / 2 * 2 * LANES), v % 2)}};
}
// Vector v of what products of such rows left, f32.
template <class T>
INLINE Vector<T> gathered(const float *row, int64_t v) {
  return Vector<T>::each([&](int p) { return (Lanes)words(row + (v * PAIR<T> + p) * LANES); });
}
// The column that lies at `place` of such rows.
template <class T>
INLINE int64_t column_at(int64_t place) {
  return PAIR<T> == 1 ? place : place / 32 * 32 + place % LANES * 2 + place / LANES % 2;
}

INLINE void write(float *to, const Vector<float> &x) { *reinterpret_cast<Lanes *>(to) = x.part[0]; }
INLINE void write(float *to, const Vector<BFloat16> &x) {
  *reinterpret_cast<Words *>(to) = (rounded(x.part[0]) >> 16) | (rounded(x.part[1]) & UPPER);
}

// How a matrix lies: row by row, or its rows in pairs.
template <class T>
struct Single {
  static constexpr int64_t ROWS = 1;
  INLINE static Vector<T> vector(const T *const row[1], int64_t v) { return read(row, v); }
};
template <class T>
struct Paired {
  static constexpr int64_t ROWS = PAIR<T>;
  INLINE static Vector<T> vector(const T *const rows[ROWS], int64_t v) {
    if constexpr (ROWS == 1) return read(rows, v);
    else return read_two(rows, v);
  }
};
// 3x3 pixels to the nine factors d, `step` words apart.
template <template <class> class Matrix, class T>
VECTORIZED void transform_pixels(const T *const (*d)[Matrix<T>::ROWS], float *out, int64_t step, int64_t vectors) {
  for (int64_t v = 0; v < vectors; ++v) {
    Vector<T> t[3][3];
    for (int i = 0; i < 3; ++i) {
      t[1][i] = Matrix<T>::vector(d[3 + i], v);
      t[0][i] = Matrix<T>::vector(d[i], v) - t[1][i];
      t[2][i] = Matrix<T>::vector(d[6 + i], v) - t[1][i];
    }
    for (int i = 0; i < 3; ++i) {
      float *o = out + 3 * i * step + v * LANES;
      write(o, t[i][0] - t[i][1]);
      write(o + step, t[i][1]);
      write(o + 2 * step, t[i][2] - t[i][1]);
    }
  }
}

// 4x4 pixels to the 5x5 factors d of all four phases. Of pixels y0 to y3 phase 1 takes y0 - y1, y1, y2 - y1, and phase 0
// takes y1 - y2, y2, y3 - y2: the third factor serves both, with a sign that the taps carry.
template <class T>
VECTORIZED void transform_shared_pixels(const T *const (*d)[1], float *out, int64_t step, int64_t vectors) {
  for (int64_t v = 0; v < vectors; ++v) {
    Vector<T> t[SHARED][4];
    for (int i = 0; i < 4; ++i) {
      Vector<T> y[4];
      for (int k = 0; k < 4; ++k) y[k] = read(d[4 * k + i], v);
      t[0][i] = y[0] - y[1];
      t[1][i] = y[1];
      t[2][i] = y[2] - y[1];
      t[3][i] = y[2];
      t[4][i] = y[3] - y[2];
    }
    for (int i = 0; i < SHARED; ++i) {
      float *o = out + SHARED * i * step + v * LANES;
      write(o, t[i][0] - t[i][1]);
      write(o + step, t[i][1]);
      write(o + 2 * step, t[i][2] - t[i][1]);
      write(o + 3 * step, t[i][2]);
      write(o + 4 * step, t[i][3] - t[i][2]);
    }
  }
}

// 2x2 taps to the nine factors g, `step` words apart; of those that meet d0 - d1 the sign may be turned, by row and by column.
template <template <class> class Matrix, class T>
VECTORIZED void transform_taps(const T *const (*g)[Matrix<T>::ROWS], float *out, int64_t step, int64_t vectors, bool turn_row,
                               bool turn_column) {
  for (int64_t v = 0; v < vectors; ++v) {
    Vector<T> t[3][2];
    for (int i = 0; i < 2; ++i) {
      Vector<T> first = Matrix<T>::vector(g[i], v);
      t[2][i] = Matrix<T>::vector(g[2 + i], v);
      t[1][i] = first + t[2][i];
      t[0][i] = first.turned(turn_row);
    }
    for (int i = 0; i < 3; ++i) {
      float *o = out + 3 * i * step + v * LANES;
      write(o, t[i][0].turned(turn_column));
      write(o + step, t[i][0] + t[i][1]);
      write(o + 2 * step, t[i][1]);
    }
  }
}

// Nine products in f32, `step` apart, to 2x2 outputs, or added to them.
template <class T>
VECTORIZED void transform_products(const float *m, int64_t step, T *const out[4], int64_t vectors, bool add) {
  for (int64_t v = 0; v < vectors; ++v) {
    Vector<T> t[2][3];
    for (int i = 0; i < 3; ++i) {
      Vector<T> x[3];
      for (int k = 0; k < 3; ++k)
        x[k] = gathered<T>(m + (3 * k + i) * step, v);
      t[0][i] = x[0] + x[1];
      t[1][i] = x[1] + x[2];
    }
    for (int i = 0; i < 4; ++i) {
      Vector<T> y = t[i / 2][i % 2] + t[i / 2][i % 2 + 1];
      write(reinterpret_cast<float *>(out[i]) + v * LANES, add ? y + read(&out[i], v) : y);
    }
  }
}

// Sums of f32, columns as they lie, to numbers.
template <class T>
VECTORIZED void transform_sums(const float *in, T *out, int64_t vectors) {
  for (int64_t v = 0; v < vectors; ++v) write(reinterpret_cast<float *>(out) + v * LANES, gathered<T>(in, v));
}
}  // namespace
}  // namespace winograd
