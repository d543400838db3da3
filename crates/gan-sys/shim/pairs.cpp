// Sums over all pairs of two sets of vectors, block by block: the matrix of their products is never in memory.
#include "parallel.h"
#include "product.h"
#include "vectorized.h"

#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>

#include <array>

namespace {
constexpr int64_t DEPTH = 256;  // numbers of a vector that are multiplied at a time, so that factors stay near
constexpr int64_t LANES = 16;

// Rows [M, D] as panels [M / BLOCK][D][BLOCK], zeros at the end.
Tensor panels(const Tensor &rows) {
  int64_t count = rows.size(0), depth = rows.size(1), blocks = (count + BLOCK - 1) / BLOCK;
  Tensor out = at::zeros({blocks, depth, BLOCK}, rows.options());
  const float *from = rows.const_data_ptr<float>();
  float *to = out.data_ptr<float>();
  parallel(blocks, [&](int64_t block) {
    int64_t some = std::min(BLOCK, count - block * BLOCK);
    const float *source = from + block * BLOCK * depth;
    float *target = to + block * BLOCK * depth;
    for (int64_t row = 0; row < some; row += LANES)
      transpose(source + row * depth, depth, target + row, BLOCK, std::min(LANES, some - row), depth);
  });
  return out;
}

// The sum of (x / depth + 1)^3 over a row of products.
VECTORIZED double cubes(const float *products, int64_t count, float scale) {
  float sums[LANES] = {};
  int64_t at = 0;
  for (; at + LANES <= count; at += LANES)
    for (int64_t lane = 0; lane < LANES; ++lane) {
      float base = products[at + lane] * scale + 1;
      sums[lane] += base * base * base;
    }
  double sum = 0;
  for (; at < count; ++at) {
    float base = products[at] * scale + 1;
    sum += base * base * base;
  }
  for (float lane : sums) sum += lane;
  return sum;
}

// Over pairs of a row of `a` and one of `b`; or of two different rows of `a`, each pair both ways round.
double cubic_kernel_sum(const Tensor &a, const Tensor &b, bool same) {
  int64_t rows = a.size(0), columns = b.size(0), depth = a.size(1);
  int64_t row_blocks = (rows + BLOCK - 1) / BLOCK, column_blocks = (columns + BLOCK - 1) / BLOCK;
  std::vector<std::array<int64_t, 2>> tiles;
  for (int64_t i = 0; i < row_blocks; ++i)
    for (int64_t j = same ? i : 0; j < column_blocks; ++j) tiles.push_back({i, j});
  bool fast = has_product<float>();
  Tensor second = fast ? panels(b) : b, transposed = b.t();
  const float *left = a.const_data_ptr<float>(), *right = second.const_data_ptr<float>();
  std::vector<double> sums(tiles.size());
  parallel(tiles.size(), [&](int64_t task) {
    auto [i, j] = tiles[task];
    int64_t height = std::min(BLOCK, rows - i * BLOCK), width = std::min(BLOCK, columns - j * BLOCK);
    std::array<float, BLOCK * BLOCK> products;
    if (fast) {
      for (int64_t k = 0; k < depth; k += DEPTH)
        product<float>(height, std::min(DEPTH, depth - k), left + i * BLOCK * depth + k, depth,
                       right + (j * depth + k) * BLOCK, products.data(), BLOCK, /*add=*/k > 0);
    } else {
      c10::NoGradGuard no_grad;
      Tensor tile = at::mm(a.narrow(0, i * BLOCK, height), transposed.narrow(1, j * BLOCK, width)).contiguous();
      for (int64_t row = 0; row < height; ++row)
        std::copy_n(tile.const_data_ptr<float>() + row * width, width, products.data() + row * BLOCK);
    }
    double sum = 0;
    for (int64_t row = 0; row < height; ++row) {
      const float *line = products.data() + row * BLOCK;
      sum += cubes(line, width, 1.0f / depth);
      if (same && i == j) sum -= cubes(line + row, 1, 1.0f / depth);
    }
    sums[task] = same && j > i ? 2 * sum : sum;
  });
  double total = 0;
  for (double sum : sums) total += sum;
  return total;
}
}  // namespace

extern "C" {

// The sum of (a · b / D + 1)^3 over rows of `a` [N, D] and of `b` [M, D], or, where `b` is null, over pairs of different rows
// of `a`. f32, contiguous, on the CPU.
char *gan_cubic_kernel_sum(const Tensor *a, const Tensor *b, double *result) {
  return guarded([&] {
    for (const Tensor *x : {a, b ? b : a})
      TORCH_CHECK(x->dim() == 2 && x->size(1) == a->size(1) && x->scalar_type() == at::kFloat && x->device().is_cpu() &&
                      x->is_contiguous(),
                  "rows must be f32, contiguous, on the CPU and of one length");
    *result = cubic_kernel_sum(*a, b ? *b : *a, b == nullptr);
  });
}
}
