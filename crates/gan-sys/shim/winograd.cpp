// A 4x4 convolution of stride 2 is a sum over the four phases of its large side (even and odd rows and columns) of 2x2
// convolutions of stride 1. F(2x2, 2x2) (Winograd 1980; Lavin & Gray 2016, section 4.1) makes 2x2 outputs of one of those with
// 9 products instead of 16. Along one dimension:
//
//     outputs      y0 = d0 g0 + d1 g1 = m0 + m1     y1 = d1 g0 + d2 g1 = m1 + m2
//     products     m0 = (d0 - d1) g0                m1 = d1 (g0 + g1)              m2 = (d2 - d1) g1
//
// Nothing but these products is ever multiplied, so in f32 it rounds about as direct summation does; in bf16 the factors, sums
// of up to four numbers, are rounded once more. Over tiles and channels they are matrix products. The weight's gradient has the
// same form, with the output's gradient as g.
// Tiles and channels go BLOCK at a time; all pitches and steps are in words of 32 bits.
#include "winograd.h"

#include "parallel.h"
#include "winograd_transforms.h"

namespace winograd {
namespace {
constexpr int64_t DEPTH = 256;  // tiles over which the product of a weight's gradient sums
constexpr int64_t FEWEST = 128; // tiles for which it pays to transform the weight
// Words between what would lie a power of two apart and share cache sets.
constexpr int64_t PAD = 16;

// Matrices that come second in a product lie in panels, [columns / BLOCK][rows in pairs][BLOCK]: where one row and column are.
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

// Channels-last images with zeros around them, and after the last.
template <class T>
struct Images {
  const T *data;
  int64_t images, height, width, channels;
  Tensor nothing;
  explicit Images(const Tensor &x)
      : data(x.const_data_ptr<T>()), images(x.size(0)), height(x.size(2)), width(x.size(3)), channels(x.size(1)),
        nothing(at::zeros({x.size(1)}, x.scalar_type())) {}
  const T *at(int64_t image, int64_t y, int64_t x) const {
    if (image >= images || y < 0 || y >= height || x < 0 || x >= width) return nothing.const_data_ptr<T>();
    return data + ((image * height + y) * width + x) * channels;
  }
};

Tensor memory(at::IntArrayRef size) { return at::empty(size, at::kFloat); }
Tensor memory_per_thread(int64_t size) { return memory({at::get_num_threads(), size}); }
float *own(const Tensor &per_thread) { return per_thread.data_ptr<float>() + at::get_thread_num() * per_thread.stride(0); }
Tensor images(at::ScalarType type, int64_t count, int64_t channels, int64_t height, int64_t width) {
  return at::empty({count, channels, height, width}, at::TensorOptions(type).memory_format(at::MemoryFormat::ChannelsLast));
}

template <class T>
const T *tap(const Tensor &weight, int64_t small, int64_t y, int64_t x) {
  return weight.const_data_ptr<T>() + ((small * 4 + y) * 4 + x) * weight.size(1);
}

// The factors d of a tile, or of two, 4 L channels: products `step` apart, every BLOCK channels `stride` apart.
template <template <class> class Matrix, class T>
void gather_tiles(const Images<T> &large, const Tile *tiles, float *out, int64_t step, int64_t stride) {
  constexpr int64_t ROWS = Matrix<T>::ROWS;
  for (int64_t phase = 0; phase < 4; ++phase)
    for (int64_t l = 0; l < large.channels; l += BLOCK) {
      const T *d[9][ROWS];
      for (int64_t i = 0; i < 9; ++i)
        for (int64_t r = 0; r < ROWS; ++r)
          d[i][r] = large.at(tiles[r].image, 4 * tiles[r].row - 1 + i / 3 * 2 + phase / 2,
                             4 * tiles[r].column - 1 + i % 3 * 2 + phase % 2) + l;
      transform_pixels<Matrix, T>(d, out + (phase * large.channels + l) / BLOCK * stride, step, BLOCK * ROWS / PAIR<T> / LANES);
    }
}

// The weight's factors g, [9] matrices [4 L][S].
template <class T>
Tensor taps_for_gather(const Tensor &weight) {
  int64_t small = weight.size(0), large = weight.size(1), rows = large / PAIR<T>;
  int64_t pitch = rows + PAD, step = LANES * pitch + PAD;
  Tensor out = memory({PRODUCTS, 4 * rows, small}), strips = memory_per_thread(PRODUCTS * step);
  float *g = out.data_ptr<float>();
  parallel(4 * small / LANES, [&](int64_t task) {
    float *strip = own(strips);
    int64_t phase = task % 4, place = task / 4 * LANES;
    for (int64_t i = 0; i < LANES; ++i) {
      const T *taps[4][1];
      for (int k = 0; k < 4; ++k)
        taps[k][0] = tap<T>(weight, column_at<T>(place + i), k / 2 * 2 + phase / 2, k % 2 * 2 + phase % 2);
      transform_taps<Single, T>(taps, strip + i * pitch, step, rows / LANES, false, false);
    }
    for (int64_t k = 0; k < PRODUCTS; ++k)
      transpose(strip + k * step, pitch, panel(g + k * 4 * rows * small, 4 * rows, phase * rows, place), BLOCK, LANES, rows);
  });
  return out;
}

// The weight's factors g, [4 phases][9] matrices [S][L].
template <class T>
Tensor taps_for_spread(const Tensor &weight) {
  constexpr int64_t ROWS = Paired<T>::ROWS;
  int64_t small = weight.size(0), large = weight.size(1), rows = small / ROWS, step = rows * large;
  Tensor out = memory({4, PRODUCTS, rows, large});
  float *g = out.data_ptr<float>();
  parallel(4 * rows, [&](int64_t task) {
    int64_t phase = task / rows, row = task % rows;
    for (int64_t l = 0; l < large; l += BLOCK) {
      const T *taps[4][ROWS];
      for (int k = 0; k < 4; ++k)
        for (int64_t r = 0; r < ROWS; ++r)
          taps[k][r] = tap<T>(weight, row * ROWS + r, (1 - k / 2) * 2 + phase / 2, (1 - k % 2) * 2 + phase % 2) + l;
      transform_taps<Paired, T>(taps, panel(g + phase * PRODUCTS * step, rows, row, l), step, BLOCK / LANES, phase / 2 == 0,
                                phase % 2 == 0);
    }
  });
  return out;
}

template <class T>
Tensor gather_of(const Tensor &large, const Tensor &weight) {
  Sizes s{large.size(0), weight.size(0), weight.size(1), large.size(2) / 2, large.size(3) / 2};
  int64_t inner = 4 * s.large, rows = inner / PAIR<T>, pitch = rows + PAD;
  int64_t d_step = BLOCK * pitch + PAD, m_step = BLOCK * s.small + PAD;
  Images<T> from(large);
  Tensor taps = taps_for_gather<T>(weight), out = images(large.scalar_type(), s.images, s.small, s.height, s.width);
  Tensor factors = memory_per_thread(PRODUCTS * d_step), products = memory_per_thread(PRODUCTS * m_step);
  float *g = taps.data_ptr<float>();
  T *y = out.data_ptr<T>();
  parallel(s.blocks(), [&](int64_t block) {
    MatrixTiles tiles;
    float *d = own(factors), *m = own(products);
    int64_t first = block * BLOCK, count = std::min(BLOCK, s.tiles() - first);
    for (int64_t t = 0; t < count; ++t) {
      Tile tile(s, first + t);
      gather_tiles<Single, T>(from, &tile, d + t * pitch, d_step, BLOCK / PAIR<T>);
    }
    for (int64_t k = 0; k < PRODUCTS; ++k)
      for (int64_t c = 0; c < s.small; c += BLOCK)
        product<T>(count, inner, d + k * d_step, pitch, panel(g + k * rows * s.small, rows, 0, c), m + k * m_step + c, s.small);
    for (int64_t t = 0; t < count; ++t) {
      Tile tile(s, first + t);
      T *to[4];
      for (int64_t k = 0; k < 4; ++k)
        to[k] = y + ((tile.image * s.height + 2 * tile.row + k / 2) * s.width + 2 * tile.column + k % 2) * s.small;
      transform_products(m + t * s.small, m_step, to, s.small / PAIR<T> / LANES, /*add=*/false);
    }
  });
  return out;
}

template <class T>
Tensor spread_of(const Tensor &small, const Tensor &weight) {
  Sizes s{small.size(0), weight.size(0), weight.size(1), small.size(2), small.size(3)};
  int64_t rows = s.small / PAIR<T>, pitch = rows + PAD, d_step = BLOCK * pitch + PAD, m_step = BLOCK * s.large + PAD;
  Images<T> from(small);
  Tensor taps = taps_for_spread<T>(weight), out = images(small.scalar_type(), s.images, s.large, 2 * s.height, 2 * s.width);
  Tensor factors = memory_per_thread(SHARED * SHARED * d_step), products = memory_per_thread(PRODUCTS * m_step);
  float *g = taps.data_ptr<float>();
  T *x = out.data_ptr<T>();
  parallel(s.blocks(), [&](int64_t block) {
    MatrixTiles tiles;
    float *d = own(factors), *m = own(products);
    int64_t first = block * BLOCK, count = std::min(BLOCK, s.tiles() - first);
    for (int64_t t = 0; t < count; ++t) {
      Tile tile(s, first + t);
      const T *window[16][1];
      for (int64_t k = 0; k < 16; ++k) window[k][0] = from.at(tile.image, 2 * tile.row - 1 + k / 4, 2 * tile.column - 1 + k % 4);
      transform_shared_pixels(window, d + t * pitch, d_step, rows / LANES);
    }
    for (int64_t phase = 0; phase < 4; ++phase) {
      int64_t row = phase / 2, column = phase % 2;
      for (int64_t k = 0; k < PRODUCTS; ++k) {
        const float *a = d + ((2 - 2 * row + k / 3) * SHARED + 2 - 2 * column + k % 3) * d_step;
        for (int64_t l = 0; l < s.large; l += BLOCK)
          product<T>(count, s.small, a, pitch, panel(g + (phase * PRODUCTS + k) * rows * s.large, rows, 0, l), m + k * m_step + l,
                     s.large);
      }
      for (int64_t t = 0; t < count; ++t) {
        Tile tile(s, first + t);
        T *to[4];
        for (int64_t k = 0; k < 4; ++k) {
          int64_t i = 4 * tile.row + k / 2 * 2 + 1 - row, j = 4 * tile.column + k % 2 * 2 + 1 - column;
          to[k] = x + ((tile.image * 2 * s.height + i) * 2 * s.width + j) * s.large;
        }
        transform_products(m + t * s.large, m_step, to, s.large / PAIR<T> / LANES, /*add=*/false);
      }
    }
  });
  return out;
}

template <class T>
Tensor weight_gradient_of(const Tensor &small, const Tensor &large) {
  constexpr int64_t ROWS = Paired<T>::ROWS;
  Sizes s{small.size(0), small.size(1), large.size(1), small.size(2), small.size(3)};
  int64_t inner = 4 * s.large, all = (s.tiles() + ROWS - 1) / ROWS, rows = std::min(DEPTH / ROWS, all), pitch = rows + PAD;
  int64_t d_step = rows * inner + PAD, g_step = s.small * pitch + PAD, m_step = BLOCK * BLOCK + PAD;
  int64_t strip_pitch = s.small + PAD, strip_step = LANES * strip_pitch + PAD;
  Images<T> from(large), gradient(small);
  Tensor sums = images(at::kFloat, s.small, s.large, 4, 4);
  Tensor factors = memory({PRODUCTS, d_step}), taps = memory({PRODUCTS, g_step});  // [4 L / BLOCK][tiles][BLOCK], [S][tiles]
  Tensor strips = memory_per_thread(PRODUCTS * strip_step), products = memory_per_thread(PRODUCTS * m_step);
  float *d = factors.data_ptr<float>(), *g = taps.data_ptr<float>(), *w = sums.data_ptr<float>();
  for (int64_t first = 0; first < all; first += rows) {
    int64_t count = std::min(rows, all - first);
    parallel((count + LANES - 1) / LANES, [&](int64_t task) {
      float *strip = own(strips);
      int64_t base = task * LANES, some = std::min(LANES, count - base);
      for (int64_t i = 0; i < some; ++i) {
        int64_t tile = (first + base + i) * ROWS;
        std::array<Tile, 2> tiles{Tile(s, tile), Tile(s, tile + ROWS - 1)};
        gather_tiles<Paired, T>(from, tiles.data(), d + (base + i) * BLOCK, d_step, rows * BLOCK);
        const T *pixels[4][ROWS];
        for (int64_t k = 0; k < 4; ++k)
          for (int64_t r = 0; r < ROWS; ++r)
            pixels[k][r] = gradient.at(tiles[r].image, 2 * tiles[r].row + k / 2, 2 * tiles[r].column + k % 2);
        transform_taps<Paired, T>(pixels, strip + i * strip_pitch, strip_step, s.small / LANES, false, false);
      }
      for (int64_t k = 0; k < PRODUCTS; ++k)
        transpose(strip + k * strip_step, strip_pitch, g + k * g_step + base, pitch, some, s.small);
    });
    parallel(s.small / BLOCK * inner / BLOCK, [&](int64_t task) {
      MatrixTiles tiles;
      float *m = own(products);
      int64_t phase = task % 4, l = task / 4 % (s.large / BLOCK) * BLOCK, c = task / (inner / BLOCK) * BLOCK;
      for (int64_t k = 0; k < PRODUCTS; ++k)
        product<T>(BLOCK, count * ROWS, g + k * g_step + c * pitch, pitch, panel(d + k * d_step, rows, 0, phase * s.large + l),
                   m + k * m_step, BLOCK);
      for (int64_t i = 0; i < BLOCK; ++i) {
        float *to[4];
        for (int64_t k = 0; k < 4; ++k)
          to[k] = w + ((column_at<T>(c + i) * 4 + k / 2 * 2 + phase / 2) * 4 + k % 2 * 2 + phase % 2) * s.large + l;
        transform_products(m + i * BLOCK, m_step, to, BLOCK / LANES, /*add=*/first > 0);
      }
    });
  }
  if constexpr (ROWS == 1) return sums;
  Tensor out = images(small.scalar_type(), s.small, s.large, 4, 4);
  transform_sums(w, out.data_ptr<T>(), out.numel() / PAIR<T> / LANES);
  return out;
}

bool is_bf16(const Tensor &x) { return x.scalar_type() == at::kBFloat16; }
}  // namespace

Tensor gather(const Tensor &large, const Tensor &weight) {
  return is_bf16(large) ? gather_of<BFloat16>(large, weight) : gather_of<float>(large, weight);
}

Tensor spread(const Tensor &small, const Tensor &weight) {
  return is_bf16(small) ? spread_of<BFloat16>(small, weight) : spread_of<float>(small, weight);
}

Tensor weight_gradient(const Tensor &small, const Tensor &large) {
  return is_bf16(small) ? weight_gradient_of<BFloat16>(small, large) : weight_gradient_of<float>(small, large);
}

bool pays(const Tensor &image, bool is_small, const Tensor &weight, int64_t stride, int64_t padding) {
  auto fits = [&](const Tensor &x) {
    return x.device().is_cpu() && (x.scalar_type() == at::kFloat || is_bf16(x)) && x.scalar_type() == image.scalar_type() &&
           x.is_contiguous(at::MemoryFormat::ChannelsLast);
  };
  if (stride != 2 || padding != 1 || weight.dim() != 4 || image.dim() != 4 || !fits(image) || !fits(weight)) return false;
  int64_t pixels = is_small ? 2 : 4, tiles = image.size(0) * (image.size(2) / pixels) * (image.size(3) / pixels);
  return weight.size(2) == 4 && weight.size(3) == 4 && weight.size(0) % BLOCK == 0 && weight.size(1) % BLOCK == 0 &&
         image.size(1) == weight.size(is_small ? 0 : 1) && image.size(2) % pixels == 0 && image.size(3) % pixels == 0 &&
         tiles >= FEWEST && (is_bf16(image) ? has_product<BFloat16>() : has_product<float>());
}
}  // namespace winograd
