// Small matrix products by the kernels that oneDNN makes for them at run time, which LibTorch exports.
#pragma once
#include "shim.h"

#include <ATen/native/CPUBlas.h>

#include <vector>

// Columns of a product's second factor, which lies in panels of so many.
constexpr int64_t BLOCK = 64;

// Numbers in a word of 32 bits: one f32, or two bf16. Two rows of a second factor of bf16 lie number by number.
template <class T>
constexpr int64_t PAIR = sizeof(float) / sizeof(T);

// out [m, n] = a [m, k] b [k, n], or added to it. Pitches are in words.
template <class T>
void product_of(int64_t m, int64_t n, int64_t k, const float *a, int64_t pitch_a, const float *b, int64_t pitch_b, float *out,
                int64_t pitch_out, bool add = false) {
  at::native::cpublas::brgemm(m, n, k, pitch_a * PAIR<T>, pitch_b, pitch_out, add, reinterpret_cast<const T *>(a),
                              reinterpret_cast<const T *>(b), out, /*is_vnni=*/PAIR<T> == 2);
}

// The same of a second factor with BLOCK columns.
template <class T>
void product(int64_t m, int64_t k, const float *a, int64_t pitch_a, const float *b, float *out, int64_t pitch_out,
             bool add = false) {
  product_of<T>(m, BLOCK, k, a, pitch_a, b, BLOCK, out, pitch_out, add);
}

// Products of bf16 on an Intel processor set up a thread's matrix tiles (AMX) and take them for set up from then on, while any
// other kernel of oneDNN's that uses tiles gives them back: the next product would be an illegal instruction. Whoever
// multiplies bf16 holds one of these, in the thread that does, and leaves nothing set up.
struct MatrixTiles {
  ~MatrixTiles() { at::native::cpublas::brgemm_release(); }
};

// Whether this LibTorch has that product for this processor.
template <class T>
bool has_product() {
  static const bool has = [] {
    std::vector<T> a(BLOCK, 1), b(BLOCK * BLOCK, 1);
    std::vector<float> out(BLOCK);
    auto words = [](const std::vector<T> &x) { return reinterpret_cast<const float *>(x.data()); };
    MatrixTiles tiles;
    try {
      product<T>(1, BLOCK, words(a), BLOCK / PAIR<T>, words(b), out.data(), BLOCK);
    } catch (const std::exception &) {
      return false;
    }
    return out[0] == BLOCK && out[BLOCK - 1] == BLOCK;
  }();
  return has;
}
