// The sums before and after the products of winograd_3x3.cpp, a vector at a time. Rows and columns go alike, so that a
// two-dimensional transform is the one-dimensional one twice.
#pragma once
#include "lanes.h"
#include "vectorized.h"

namespace winograd3x3 {
namespace {
// Polynomials are evaluated at 0, +-P, +-Q and infinity. Of such points with short binary fractions these round least.
constexpr float P = 0.625f, Q = 1.5f, PP = P * P, QQ = Q * Q, PPP = P * PP, QQQ = Q * QQ, SUM = PP + QQ, PPQQ = PP * QQ;
constexpr float AT_ZERO = 1 / PPQQ, AT_P = 1 / (2 * PP * (PP - QQ)), AT_Q = 1 / (2 * QQ * (QQ - PP));

// Inputs to factors: y = B^T x.
struct Pixels {
  static constexpr int IN = 6, OUT = 6;
  INLINE static void apply(const Lanes *x, Lanes *y) {
    Lanes even_p = x[4] - QQ * x[2], odd_p = P * x[3] - P * QQ * x[1];
    Lanes even_q = x[4] - PP * x[2], odd_q = Q * x[3] - Q * PP * x[1];
    y[0] = PPQQ * x[0] - SUM * x[2] + x[4];
    y[1] = even_p + odd_p;
    y[2] = even_p - odd_p;
    y[3] = even_q + odd_q;
    y[4] = even_q - odd_q;
    y[5] = PPQQ * x[1] - SUM * x[3] + x[5];
  }
};
// Products to gradients of inputs: y = B x.
struct Patches {
  static constexpr int IN = 6, OUT = 6;
  INLINE static void apply(const Lanes *x, Lanes *y) {
    Lanes even_p = x[1] + x[2], odd_p = x[1] - x[2], even_q = x[3] + x[4], odd_q = x[3] - x[4];
    y[0] = PPQQ * x[0];
    y[1] = PPQQ * x[5] - P * QQ * odd_p - Q * PP * odd_q;
    y[2] = -SUM * x[0] - QQ * even_p - PP * even_q;
    y[3] = P * odd_p + Q * odd_q - SUM * x[5];
    y[4] = x[0] + even_p + even_q;
    y[5] = x[5];
  }
};
// A kernel to factors: y = G x.
struct Taps {
  static constexpr int IN = 3, OUT = 6;
  INLINE static void apply(const Lanes *x, Lanes *y) {
    Lanes even_p = AT_P * x[0] + AT_P * PP * x[2], odd_p = AT_P * P * x[1];
    Lanes even_q = AT_Q * x[0] + AT_Q * QQ * x[2], odd_q = AT_Q * Q * x[1];
    y[0] = AT_ZERO * x[0];
    y[1] = even_p + odd_p;
    y[2] = even_p - odd_p;
    y[3] = even_q + odd_q;
    y[4] = even_q - odd_q;
    y[5] = x[2];
  }
};
// Products to gradients of a kernel: y = G^T x.
struct TapGradients {
  static constexpr int IN = 6, OUT = 3;
  INLINE static void apply(const Lanes *x, Lanes *y) {
    Lanes even_p = x[1] + x[2], odd_p = x[1] - x[2], even_q = x[3] + x[4], odd_q = x[3] - x[4];
    y[0] = AT_ZERO * x[0] + AT_P * even_p + AT_Q * even_q;
    y[1] = AT_P * P * odd_p + AT_Q * Q * odd_q;
    y[2] = AT_P * PP * even_p + AT_Q * QQ * even_q + x[5];
  }
};
// Products to outputs: y = A^T x.
struct Outputs {
  static constexpr int IN = 6, OUT = 4;
  INLINE static void apply(const Lanes *x, Lanes *y) {
    Lanes even_p = x[1] + x[2], odd_p = x[1] - x[2], even_q = x[3] + x[4], odd_q = x[3] - x[4];
    y[0] = x[0] + even_p + even_q;
    y[1] = P * odd_p + Q * odd_q;
    y[2] = PP * even_p + QQ * even_q;
    y[3] = PPP * odd_p + QQQ * odd_q + x[5];
  }
};
// Gradients of outputs to factors: y = A x.
struct OutputGradients {
  static constexpr int IN = 4, OUT = 6;
  INLINE static void apply(const Lanes *x, Lanes *y) {
    Lanes even_p = x[0] + PP * x[2], odd_p = P * x[1] + PPP * x[3];
    Lanes even_q = x[0] + QQ * x[2], odd_q = Q * x[1] + QQQ * x[3];
    y[0] = x[0];
    y[1] = even_p + odd_p;
    y[2] = even_p - odd_p;
    y[3] = even_q + odd_q;
    y[4] = even_q - odd_q;
    y[5] = x[3];
  }
};

// IN x IN numbers at `from` to 6x6 factors, `step` apart; vector v lies `from_stride` and `to_stride` after the one before.
template <class Transform, class T>
VECTORIZED void to_factors(const T *const *from, int64_t from_stride, float *to, int64_t step, int64_t to_stride,
                           int64_t vectors) {
  constexpr int IN = Transform::IN, OUT = Transform::OUT;
  for (int64_t v = 0; v < vectors; ++v) {
    Lanes half[OUT][IN], x[6], y[6];
    for (int j = 0; j < IN; ++j) {
      for (int i = 0; i < IN; ++i) x[i] = load(from[i * IN + j] + v * from_stride);
      Transform::apply(x, y);
      for (int i = 0; i < OUT; ++i) half[i][j] = y[i];
    }
    for (int i = 0; i < OUT; ++i) {
      Transform::apply(half[i], y);
      for (int j = 0; j < OUT; ++j) store(to + (i * OUT + j) * step + v * to_stride, y[j]);
    }
  }
}

// 6x6 products, `step` apart, to OUT x OUT numbers: set, with an offset of each vector if there is one, or added to.
template <class Transform, class T>
VECTORIZED void from_products(const float *from, int64_t step, T *const *to, int64_t vectors, const float *offset, bool add) {
  constexpr int IN = Transform::IN, OUT = Transform::OUT;
  for (int64_t v = 0; v < vectors; ++v) {
    Lanes half[OUT][IN], x[6], y[6];
    for (int j = 0; j < IN; ++j) {
      for (int i = 0; i < IN; ++i) x[i] = load(from + (i * IN + j) * step + v * LANES);
      Transform::apply(x, y);
      for (int i = 0; i < OUT; ++i) half[i][j] = y[i];
    }
    for (int i = 0; i < OUT; ++i) {
      Transform::apply(half[i], y);
      for (int j = 0; j < OUT; ++j) {
        T *place = to[i * OUT + j] + v * LANES;
        if (offset) y[j] += load(offset + v * LANES);
        if (add) y[j] += load(place);
        store(place, y[j]);
      }
    }
  }
}

// The sum of `count` rows.
template <class T>
VECTORIZED void sum_rows(const float *const *rows, int64_t count, T *to, int64_t vectors) {
  for (int64_t v = 0; v < vectors; ++v) {
    Lanes sum = load(rows[0] + v * LANES);
    for (int64_t i = 1; i < count; ++i) sum += load(rows[i] + v * LANES);
    store(to + v * LANES, sum);
  }
}

// Rows of LANES numbers of `columns`, turned: out [columns, LANES].
template <class T>
VECTORIZED void turn(const T *const *rows, float *out, int64_t columns) {
  for (int64_t j = 0; j < columns; ++j)
    for (int64_t i = 0; i < LANES; ++i) out[j * LANES + i] = static_cast<float>(rows[i][j]);
}
}  // namespace
}  // namespace winograd3x3
