// A 4x4 convolution of stride 2 is a sum over the four phases of its large side (even and odd rows and columns) of 2x2
// convolutions of stride 1. F(2x2, 2x2) (Winograd 1980; Lavin & Gray 2016, section 4.1) makes 2x2 outputs of one of those with
// 9 products instead of 16. Along one dimension:
//
//     outputs      y0 = d0 g0 + d1 g1 = m0 + m1     y1 = d1 g0 + d2 g1 = m1 + m2
//     products     m0 = (d0 - d1) g0                m1 = d1 (g0 + g1)              m2 = (d2 - d1) g1
//
// Nothing but these products is ever multiplied, so it rounds about as direct summation does. Over tiles and channels they are
// matrix products. The weight's gradient has the same form, with the output's gradient as g.
#include "winograd.h"

#include "parallel.h"
#include "winograd_transforms.h"

#include <ATen/native/CPUBlas.h>

namespace winograd {
namespace {
constexpr int64_t BLOCK = 64;   // tiles and channels of a matrix product
constexpr int64_t DEPTH = 256;  // tiles over which the product of a weight's gradient sums
constexpr int64_t FEWEST = 128; // tiles for which it pays to transform the weight
// Between what would lie a power of two apart and share cache sets.
constexpr int64_t PAD = 16;

// out [m, BLOCK] = a [m, k] b [k, BLOCK]
void product(int64_t m, int64_t k, const float *a, int64_t pitch_a, const float *b, float *out, int64_t pitch_out) {
  at::native::cpublas::brgemm(m, BLOCK, k, pitch_a, BLOCK, pitch_out, /*add_C=*/false, a, b, out, /*is_vnni=*/false);
}

// Whether this LibTorch has that product for this processor.
bool has_product() {
  static const bool has = [] {
    std::vector<float> a(BLOCK, 1), b(BLOCK * BLOCK, 1), out(BLOCK);
    try {
      product(1, BLOCK, a.data(), BLOCK, b.data(), out.data(), BLOCK);
    } catch (const std::exception &) {
      return false;
    }
    return out[0] == BLOCK && out[BLOCK - 1] == BLOCK;
  }();
  return has;
}

// Matrices that come second in a product lie in panels, [columns / BLOCK][rows][BLOCK]: where row and column of one are.
float *panel(float *matrix, int64_t rows, int64_t row, int64_t column) {
  return matrix + (column / BLOCK * rows + row) * BLOCK + column % BLOCK;
}

struct Sizes {
  int64_t images, small, large, height, width;  // channels of both sides; pixels of the small one
  int64_t rows() const { return height / 2; }
  int64_t columns() const { return width / 2; }
  int64_t tiles() const { return images * rows() * columns(); }
  int64_t blocks() const { return (tiles() + BLOCK - 1) / BLOCK; }
};

// 2x2 pixels of the small side, 4x4 of the large one.
struct Tile {
  int64_t image, row, column;
  Tile(const Sizes &s, int64_t index)
      : image(index / (s.rows() * s.columns())), row(index / s.columns() % s.rows()), column(index % s.columns()) {}
};

// Channels-last images with zeros around them.
struct Images {
  const float *data;
  int64_t height, width, channels;
  Tensor nothing;
  explicit Images(const Tensor &x)
      : data(x.const_data_ptr<float>()), height(x.size(2)), width(x.size(3)), channels(x.size(1)),
        nothing(at::zeros({x.size(1)}, at::kFloat)) {}
  const float *at(int64_t image, int64_t y, int64_t x) const {
    if (y < 0 || y >= height || x < 0 || x >= width) return nothing.const_data_ptr<float>();
    return data + ((image * height + y) * width + x) * channels;
  }
};

Tensor memory(at::IntArrayRef size) { return at::empty(size, at::kFloat); }
Tensor memory_per_thread(int64_t size) { return memory({at::get_num_threads(), size}); }
float *own(const Tensor &per_thread) { return per_thread.data_ptr<float>() + at::get_thread_num() * per_thread.stride(0); }
Tensor images(int64_t count, int64_t channels, int64_t height, int64_t width) {
  return at::empty({count, channels, height, width}, at::TensorOptions(at::kFloat).memory_format(at::MemoryFormat::ChannelsLast));
}

const float *tap(const Tensor &weight, int64_t small, int64_t y, int64_t x) {
  return weight.const_data_ptr<float>() + ((small * 4 + y) * 4 + x) * weight.size(1);
}

// A tile's factors d, 4 L channels: products `step` apart, every BLOCK channels `stride` apart.
void gather_tile(const Images &large, const Tile &tile, float *out, int64_t step, int64_t stride) {
  for (int64_t phase = 0; phase < 4; ++phase)
    for (int64_t l = 0; l < large.channels; l += BLOCK) {
      const float *d[9];
      for (int64_t i = 0; i < 9; ++i)
        d[i] = large.at(tile.image, 4 * tile.row - 1 + i / 3 * 2 + phase / 2, 4 * tile.column - 1 + i % 3 * 2 + phase % 2) + l;
      transform_pixels(d, out + (phase * large.channels + l) / BLOCK * stride, step, BLOCK);
    }
}

// The weight's factors g, [9] matrices [4 L][S].
Tensor taps_for_gather(const Tensor &weight) {
  int64_t small = weight.size(0), large = weight.size(1), pitch = large + PAD, step = LANES * pitch + PAD;
  Tensor out = memory({PRODUCTS, 4 * large, small}), strips = memory_per_thread(PRODUCTS * step);
  float *g = out.data_ptr<float>();
  parallel(4 * small / LANES, [&](int64_t task) {
    float *strip = own(strips);
    int64_t phase = task % 4, c = task / 4 * LANES;
    for (int64_t i = 0; i < LANES; ++i) {
      const float *taps[4];
      for (int k = 0; k < 4; ++k) taps[k] = tap(weight, c + i, k / 2 * 2 + phase / 2, k % 2 * 2 + phase % 2);
      transform_taps(taps, strip + i * pitch, step, large, false, false);
    }
    for (int64_t k = 0; k < PRODUCTS; ++k)
      transpose(strip + k * step, pitch, panel(g + k * 4 * large * small, 4 * large, phase * large, c), BLOCK, LANES, large);
  });
  return out;
}

// The weight's factors g, [4 phases][9] matrices [S][L].
Tensor taps_for_spread(const Tensor &weight) {
  int64_t small = weight.size(0), large = weight.size(1), step = small * large;
  Tensor out = memory({4, PRODUCTS, small, large});
  float *g = out.data_ptr<float>();
  parallel(4 * small, [&](int64_t task) {
    int64_t phase = task / small, c = task % small;
    for (int64_t l = 0; l < large; l += BLOCK) {
      const float *taps[4];
      for (int k = 0; k < 4; ++k) taps[k] = tap(weight, c, (1 - k / 2) * 2 + phase / 2, (1 - k % 2) * 2 + phase % 2) + l;
      transform_taps(taps, panel(g + phase * PRODUCTS * step, small, c, l), step, BLOCK, phase / 2 == 0, phase % 2 == 0);
    }
  });
  return out;
}
}  // namespace

Tensor gather(const Tensor &large, const Tensor &weight) {
  Sizes s{large.size(0), weight.size(0), weight.size(1), large.size(2) / 2, large.size(3) / 2};
  int64_t inner = 4 * s.large, pitch = inner + PAD, d_step = BLOCK * pitch + PAD, m_step = BLOCK * s.small + PAD;
  Images from(large);
  Tensor taps = taps_for_gather(weight), out = images(s.images, s.small, s.height, s.width);
  Tensor factors = memory_per_thread(PRODUCTS * d_step), products = memory_per_thread(PRODUCTS * m_step);
  float *g = taps.data_ptr<float>(), *y = out.data_ptr<float>();
  parallel(s.blocks(), [&](int64_t block) {
    float *d = own(factors), *m = own(products);
    int64_t first = block * BLOCK, count = std::min(BLOCK, s.tiles() - first);
    for (int64_t t = 0; t < count; ++t) gather_tile(from, Tile(s, first + t), d + t * pitch, d_step, BLOCK);
    for (int64_t k = 0; k < PRODUCTS; ++k)
      for (int64_t c = 0; c < s.small; c += BLOCK)
        product(count, inner, d + k * d_step, pitch, panel(g + k * inner * s.small, inner, 0, c), m + k * m_step + c, s.small);
    for (int64_t t = 0; t < count; ++t) {
      Tile tile(s, first + t);
      float *to[4];
      for (int64_t k = 0; k < 4; ++k)
        to[k] = y + ((tile.image * s.height + 2 * tile.row + k / 2) * s.width + 2 * tile.column + k % 2) * s.small;
      transform_products(m + t * s.small, m_step, to, s.small, /*add=*/false);
    }
  });
  return out;
}

Tensor spread(const Tensor &small, const Tensor &weight) {
  Sizes s{small.size(0), weight.size(0), weight.size(1), small.size(2), small.size(3)};
  int64_t pitch = s.small + PAD, d_step = BLOCK * pitch + PAD, m_step = BLOCK * s.large + PAD;
  Images from(small);
  Tensor taps = taps_for_spread(weight), out = images(s.images, s.large, 2 * s.height, 2 * s.width);
  Tensor factors = memory_per_thread(SHARED * SHARED * d_step), products = memory_per_thread(PRODUCTS * m_step);
  float *g = taps.data_ptr<float>(), *x = out.data_ptr<float>();
  parallel(s.blocks(), [&](int64_t block) {
    float *d = own(factors), *m = own(products);
    int64_t first = block * BLOCK, count = std::min(BLOCK, s.tiles() - first);
    for (int64_t t = 0; t < count; ++t) {
      Tile tile(s, first + t);
      const float *window[16];
      for (int64_t k = 0; k < 16; ++k) window[k] = from.at(tile.image, 2 * tile.row - 1 + k / 4, 2 * tile.column - 1 + k % 4);
      transform_shared_pixels(window, d + t * pitch, d_step, s.small);
    }
    for (int64_t phase = 0; phase < 4; ++phase) {
      int64_t row = phase / 2, column = phase % 2;
      for (int64_t k = 0; k < PRODUCTS; ++k) {
        const float *a = d + ((2 - 2 * row + k / 3) * SHARED + 2 - 2 * column + k % 3) * d_step;
        for (int64_t l = 0; l < s.large; l += BLOCK)
          product(count, s.small, a, pitch, panel(g + (phase * PRODUCTS + k) * s.small * s.large, s.small, 0, l),
                  m + k * m_step + l, s.large);
      }
      for (int64_t t = 0; t < count; ++t) {
        Tile tile(s, first + t);
        float *to[4];
        for (int64_t k = 0; k < 4; ++k) {
          int64_t i = 4 * tile.row + k / 2 * 2 + 1 - row, j = 4 * tile.column + k % 2 * 2 + 1 - column;
          to[k] = x + ((tile.image * 2 * s.height + i) * 2 * s.width + j) * s.large;
        }
        transform_products(m + t * s.large, m_step, to, s.large, /*add=*/false);
      }
    }
  });
  return out;
}

Tensor weight_gradient(const Tensor &small, const Tensor &large) {
  Sizes s{small.size(0), small.size(1), large.size(1), small.size(2), small.size(3)};
  int64_t inner = 4 * s.large, depth = std::min(DEPTH, s.tiles()), pitch = depth + PAD;
  int64_t d_step = depth * inner + PAD, g_step = s.small * pitch + PAD, m_step = BLOCK * BLOCK + PAD;
  int64_t strip_pitch = s.small + PAD, strip_step = LANES * strip_pitch + PAD;
  Images from(large), gradient(small);
  Tensor out = images(s.small, s.large, 4, 4);
  Tensor factors = memory({PRODUCTS, d_step}), taps = memory({PRODUCTS, g_step});  // [4 L / BLOCK][tiles][BLOCK], [S][tiles]
  Tensor strips = memory_per_thread(PRODUCTS * strip_step), products = memory_per_thread(PRODUCTS * m_step);
  float *d = factors.data_ptr<float>(), *g = taps.data_ptr<float>(), *w = out.data_ptr<float>();
  for (int64_t first = 0; first < s.tiles(); first += depth) {
    int64_t count = std::min(depth, s.tiles() - first);
    parallel((count + LANES - 1) / LANES, [&](int64_t task) {
      float *strip = own(strips);
      int64_t base = task * LANES, some = std::min(LANES, count - base);
      for (int64_t t = 0; t < some; ++t) {
        Tile tile(s, first + base + t);
        gather_tile(from, tile, d + (base + t) * BLOCK, d_step, depth * BLOCK);
        const float *pixels[4];
        for (int64_t k = 0; k < 4; ++k) pixels[k] = gradient.at(tile.image, 2 * tile.row + k / 2, 2 * tile.column + k % 2);
        transform_taps(pixels, strip + t * strip_pitch, strip_step, s.small, false, false);
      }
      for (int64_t k = 0; k < PRODUCTS; ++k)
        transpose(strip + k * strip_step, strip_pitch, g + k * g_step + base, pitch, some, s.small);
    });
    parallel(s.small / BLOCK * inner / BLOCK, [&](int64_t task) {
      float *m = own(products);
      int64_t phase = task % 4, l = task / 4 % (s.large / BLOCK) * BLOCK, c = task / (inner / BLOCK) * BLOCK;
      for (int64_t k = 0; k < PRODUCTS; ++k)
        product(BLOCK, count, g + k * g_step + c * pitch, pitch, panel(d + k * d_step, depth, 0, phase * s.large + l), m + k * m_step,
                BLOCK);
      for (int64_t i = 0; i < BLOCK; ++i) {
        float *to[4];
        for (int64_t k = 0; k < 4; ++k)
          to[k] = w + (((c + i) * 4 + k / 2 * 2 + phase / 2) * 4 + k % 2 * 2 + phase % 2) * s.large + l;
        transform_products(m + i * BLOCK, m_step, to, BLOCK, /*add=*/first > 0);
      }
    });
  }
  return out;
}

bool pays(const Tensor &image, bool is_small, const Tensor &weight, int64_t stride, int64_t padding) {
  auto fits = [](const Tensor &x) {
    return x.device().is_cpu() && x.scalar_type() == at::kFloat && x.is_contiguous(at::MemoryFormat::ChannelsLast);
  };
  if (stride != 2 || padding != 1 || weight.dim() != 4 || image.dim() != 4 || !fits(image) || !fits(weight)) return false;
  int64_t pixels = is_small ? 2 : 4, tiles = image.size(0) * (image.size(2) / pixels) * (image.size(3) / pixels);
  return weight.size(2) == 4 && weight.size(3) == 4 && weight.size(0) % BLOCK == 0 && weight.size(1) % BLOCK == 0 &&
         image.size(1) == weight.size(is_small ? 0 : 1) && image.size(2) % pixels == 0 && image.size(3) % pixels == 0 &&
         tiles >= FEWEST && has_product();
}
}  // namespace winograd
