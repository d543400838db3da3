// F(4x4, 3x3) (Winograd 1980; Lavin & Gray 2016) makes 4x4 outputs of a 3x3 convolution from 6x6 inputs with 36 products
// instead of 144. With d the inputs, g the kernel, e the gradient of the outputs, and . number by number:
//
//     outputs  A^T [(G g G^T) . (B^T d B)] A
//     gradient of the inputs  B [(G g G^T) . (A e A^T)] B^T        of the kernel  G^T [(B^T d B) . (A e A^T)] G
//
// Over tiles and channels the products are matrix products. Both gradients are the transposed maps, term by term, and so
// need no more tiles than the outputs do, whatever the border. All factors and products are f32, of bf16 tensors too: four
// times fewer products of f32 are as fast as the direct sum's in bf16, and round no more than that.
// Tiles and channels go in blocks.
#include "winograd_3x3.h"

#include "parallel.h"
#include "product.h"
#include "winograd_3x3_transforms.h"

namespace winograd3x3 {
namespace {
constexpr int64_t PRODUCTS = 36, TILE = 4, WINDOW = 6, TAPS = 9;
constexpr int64_t TILES = 32;   // of a task
constexpr int64_t DEPTH = 256;  // tiles over which the product of a weight's gradient sums
constexpr int64_t ROWS = 32;    // of a weight's gradient, in a task
constexpr int64_t FEWEST = 16;  // tiles for which it pays to transform the weight
// Words between what would lie a power of two apart and share cache sets.
constexpr int64_t PAD = 16;

int64_t groups(int64_t count, int64_t size) { return (count + size - 1) / size; }

// Matrices that come second in a product lie in panels, [columns / BLOCK][rows][BLOCK]: where one row and column are.
float *panel(float *matrix, int64_t rows, int64_t row, int64_t column) {
  return matrix + (column / BLOCK * rows + row) * BLOCK + column % BLOCK;
}

// Words from one factor of a weight to the next.
int64_t matrix(int64_t rows, int64_t columns) { return rows * columns + PAD; }

Tensor memory(at::IntArrayRef size) { return at::empty(size, at::kFloat); }
Tensor memory_per_thread(int64_t size) { return memory({at::get_num_threads(), size}); }
float *own(const Tensor &per_thread) { return per_thread.data_ptr<float>() + at::get_thread_num() * per_thread.stride(0); }
Tensor images(at::ScalarType type, int64_t count, int64_t channels, int64_t height, int64_t width) {
  return at::empty({count, channels, height, width}, at::TensorOptions(type).memory_format(at::MemoryFormat::ChannelsLast));
}

// The tiles of the small side, which may hang over its right and lower edges.
struct Tiles {
  int64_t images, height, width, rows, columns;
  Tiles(int64_t images, int64_t height, int64_t width)
      : images(images), height(height), width(width), rows(groups(height, TILE)), columns(groups(width, TILE)) {}
  int64_t count() const { return images * rows * columns; }
};

// Channels-last images. Beyond them, and in tiles after the last, are zeros.
template <class T>
struct Images {
  T *data;
  int64_t images, height, width, channels;
  Tensor nothing;
  explicit Images(const Tensor &x)
      : data(x.data_ptr<T>()), images(x.size(0)), height(x.size(2)), width(x.size(3)), channels(x.size(1)),
        nothing(at::zeros({x.size(1)}, x.scalar_type())) {}
  T *at(int64_t image, int64_t y, int64_t x) const { return data + ((image * height + y) * width + x) * channels; }

  // The pixels of tile `index` of the small side.
  void tile(const Tiles &tiles, int64_t index, T **out, T *beyond) const {
    int64_t image = index / (tiles.rows * tiles.columns), row = index / tiles.columns % tiles.rows * TILE;
    int64_t column = index % tiles.columns * TILE;
    for (int64_t k = 0; k < TILE * TILE; ++k) {
      int64_t y = row + k / TILE, x = column + k % TILE;
      out[k] = image < images && y < height && x < width ? at(image, y, x) : beyond;
    }
  }
  // What tile `index` sees of the large side.
  void window(const Tiles &tiles, int64_t index, const Border &border, const T **out) const {
    int64_t image = index / (tiles.rows * tiles.columns), row = index / tiles.columns % tiles.rows * TILE;
    int64_t column = index % tiles.columns * TILE, columns[WINDOW];
    for (int64_t k = 0; k < WINDOW; ++k) columns[k] = border.source(column + k, width);
    for (int64_t i = 0; i < WINDOW; ++i) {
      int64_t y = image < images ? border.source(row + i, height) : -1;
      for (int64_t k = 0; k < WINDOW; ++k)
        out[i * WINDOW + k] = y < 0 || columns[k] < 0 ? nothing.const_data_ptr<T>() : at(image, y, columns[k]);
    }
  }
};

// The weight's factors, [36] matrices [L][S].
template <class T>
Tensor taps_for_gather(const Tensor &weight) {
  int64_t small = weight.size(0), large = weight.size(1), row = TAPS * large;
  Tensor out = memory({PRODUCTS, matrix(large, small)}), strips = memory_per_thread(row * LANES);
  const T *w = weight.const_data_ptr<T>();
  float *g = out.data_ptr<float>();
  parallel(small / LANES, [&](int64_t task) {
    float *strip = own(strips);
    const T *rows[LANES];
    const float *taps[TAPS];
    for (int64_t i = 0; i < LANES; ++i) rows[i] = w + (task * LANES + i) * row;
    turn(rows, strip, row);
    for (int64_t k = 0; k < TAPS; ++k) taps[k] = strip + k * large * LANES;
    to_factors<Taps>(taps, LANES, panel(g, large, 0, task * LANES), matrix(large, small), BLOCK, large);
  });
  return out;
}

// The weight's factors, [36] matrices [S][L].
template <class T>
Tensor taps_for_spread(const Tensor &weight) {
  int64_t small = weight.size(0), large = weight.size(1);
  Tensor out = memory({PRODUCTS, matrix(small, large)});
  const T *w = weight.const_data_ptr<T>();
  float *g = out.data_ptr<float>();
  parallel(small, [&](int64_t s) {
    for (int64_t l = 0; l < large; l += BLOCK) {
      const T *taps[TAPS];
      for (int64_t k = 0; k < TAPS; ++k) taps[k] = w + (s * TAPS + k) * large + l;
      to_factors<Taps>(taps, LANES, panel(g, small, s, l), matrix(small, large), LANES, BLOCK / LANES);
    }
  });
  return out;
}

// Products of the factors of up to TILES tiles, [36][tiles][inner], with the weight's: [36][tiles][outer].
void multiply(const float *factors, float *taps, float *products, int64_t count, int64_t inner, int64_t outer) {
  int64_t pitch = inner + PAD, step = TILES * pitch + PAD, out_pitch = outer + PAD, out_step = TILES * out_pitch + PAD;
  for (int64_t k = 0; k < PRODUCTS; ++k)
    for (int64_t c = 0; c < outer; c += BLOCK)
      product<float>(count, inner, factors + k * step, pitch, panel(taps + k * matrix(inner, outer), inner, 0, c),
                     products + k * out_step + c, out_pitch);
}
int64_t room(int64_t channels) { return PRODUCTS * (TILES * (channels + PAD) + PAD); }

template <class T>
Tensor gather_of(const Tensor &large, const Tensor &weight, const std::optional<Tensor> &bias, const Border &border) {
  int64_t inner = large.size(1), outer = weight.size(0), pitch = inner + PAD, out_pitch = outer + PAD;
  Tiles tiles(large.size(0), large.size(2) + 2 * border.size - 2, large.size(3) + 2 * border.size - 2);
  Tensor taps = taps_for_gather<T>(weight), out = images(large.scalar_type(), tiles.images, outer, tiles.height, tiles.width);
  Tensor factors = memory_per_thread(room(inner)), products = memory_per_thread(room(outer)), beyond = memory_per_thread(outer);
  Tensor offset = bias ? bias->to(at::kFloat).contiguous() : Tensor();
  Images<T> from(large), to(out);
  parallel(groups(tiles.count(), TILES), [&](int64_t task) {
    float *d = own(factors), *m = own(products);
    int64_t first = task * TILES, count = std::min(TILES, tiles.count() - first);
    for (int64_t t = 0; t < count; ++t) {
      const T *window[PRODUCTS];
      from.window(tiles, first + t, border, window);
      to_factors<Pixels>(window, LANES, d + t * pitch, TILES * pitch + PAD, LANES, inner / LANES);
    }
    multiply(d, taps.data_ptr<float>(), m, count, inner, outer);
    for (int64_t t = 0; t < count; ++t) {
      T *pixels[TILE * TILE];
      to.tile(tiles, first + t, pixels, reinterpret_cast<T *>(own(beyond)));
      from_products<Outputs>(m + t * out_pitch, TILES * out_pitch + PAD, pixels, outer / LANES,
                             bias ? offset.const_data_ptr<float>() : nullptr, /*add=*/false);
    }
  });
  return out;
}

// Where among the tiles' windows a row (or column) of the large side is seen: pairs of a tile and a place in its window.
std::vector<std::vector<std::pair<int64_t, int64_t>>> sightings(int64_t count, int64_t tiles, const Border &border) {
  std::vector<std::vector<std::pair<int64_t, int64_t>>> seen(count);
  for (int64_t place = 0; place < count + 2 * border.size; ++place) {
    int64_t source = border.source(place, count);
    if (source < 0) continue;
    for (int64_t tile = std::max<int64_t>(0, place / TILE - 1); tile < tiles && tile * TILE <= place; ++tile)
      if (place - tile * TILE < WINDOW) seen[source].emplace_back(tile, place - tile * TILE);
  }
  return seen;
}

template <class T>
Tensor spread_of(const Tensor &small, const Tensor &weight, const Border &border, int64_t height, int64_t width) {
  int64_t inner = small.size(1), outer = weight.size(1), pitch = inner + PAD, out_pitch = outer + PAD;
  Tiles tiles(small.size(0), small.size(2), small.size(3));
  Tensor taps = taps_for_spread<T>(weight), out = images(small.scalar_type(), tiles.images, outer, height, width);
  Tensor factors = memory_per_thread(room(inner)), products = memory_per_thread(room(outer));
  Tensor windows = memory({tiles.count(), PRODUCTS, outer});
  Images<T> from(small), to(out);
  float *patches = windows.data_ptr<float>();
  parallel(groups(tiles.count(), TILES), [&](int64_t task) {
    float *e = own(factors), *m = own(products);
    int64_t first = task * TILES, count = std::min(TILES, tiles.count() - first);
    for (int64_t t = 0; t < count; ++t) {
      T *pixels[TILE * TILE];
      from.tile(tiles, first + t, pixels, from.nothing.template data_ptr<T>());
      to_factors<OutputGradients>(pixels, LANES, e + t * pitch, TILES * pitch + PAD, LANES, inner / LANES);
    }
    multiply(e, taps.data_ptr<float>(), m, count, inner, outer);
    for (int64_t t = 0; t < count; ++t) {
      float *patch[PRODUCTS];
      for (int64_t k = 0; k < PRODUCTS; ++k) patch[k] = patches + ((first + t) * PRODUCTS + k) * outer;
      from_products<Patches>(m + t * out_pitch, TILES * out_pitch + PAD, patch, outer / LANES, nullptr, /*add=*/false);
    }
  });
  auto rows = sightings(height, tiles.rows, border), columns = sightings(width, tiles.columns, border);
  parallel(tiles.images * height, [&](int64_t line) {
    int64_t image = line / height, y = line % height;
    std::vector<const float *> seen;
    for (int64_t x = 0; x < width; ++x) {
      seen.clear();
      for (auto [row, i] : rows[y])
        for (auto [column, j] : columns[x])
          seen.push_back(patches + (((image * tiles.rows + row) * tiles.columns + column) * PRODUCTS + i * WINDOW + j) * outer);
      if (seen.empty()) std::fill_n(to.at(image, y, x), outer, T(0));
      else sum_rows(seen.data(), seen.size(), to.at(image, y, x), outer / LANES);
    }
  });
  return out;
}

template <class T>
Tensor weight_gradient_of(const Tensor &small, const Tensor &large, const Border &border) {
  int64_t outputs = small.size(1), inputs = large.size(1);
  Tiles tiles(small.size(0), small.size(2), small.size(3));
  int64_t depth = std::min(DEPTH, groups(tiles.count(), LANES) * LANES), pitch = depth + PAD;
  int64_t d_step = depth * inputs + PAD, e_step = outputs * pitch + PAD, m_step = ROWS * BLOCK + PAD;
  Images<T> from(large), gradient(small);
  Tensor sums = images(at::kFloat, outputs, inputs, 3, 3);
  Tensor factors = memory({PRODUCTS, d_step}), gradients = memory({PRODUCTS, e_step});  // [L / BLOCK][tiles][BLOCK], [S][tiles]
  Tensor strips = memory_per_thread(TILE * TILE * outputs * LANES), products = memory_per_thread(PRODUCTS * m_step);
  float *d = factors.data_ptr<float>(), *e = gradients.data_ptr<float>(), *w = sums.data_ptr<float>();
  for (int64_t first = 0; first < tiles.count(); first += depth) {
    int64_t count = std::min(depth, tiles.count() - first);
    parallel(groups(count, LANES), [&](int64_t task) {
      float *strip = own(strips);
      int64_t base = task * LANES;
      T *pixels[LANES][TILE * TILE];
      for (int64_t i = 0; i < LANES; ++i) {
        const T *window[PRODUCTS];
        gradient.tile(tiles, first + base + i, pixels[i], gradient.nothing.template data_ptr<T>());
        from.window(tiles, first + base + i, border, window);
        if (base + i < count)
          for (int64_t l = 0; l < inputs; l += BLOCK) {
            to_factors<Pixels>(window, LANES, panel(d, depth, base + i, l), d_step, LANES, BLOCK / LANES);
            for (const T *&pixel : window) pixel += BLOCK;
          }
      }
      const float *turned[TILE * TILE];
      for (int64_t k = 0; k < TILE * TILE; ++k) {
        const T *rows[LANES];
        for (int64_t i = 0; i < LANES; ++i) rows[i] = pixels[i][k];
        float *place = strip + k * outputs * LANES;
        turn(rows, place, outputs);
        turned[k] = place;
      }
      to_factors<OutputGradients>(turned, LANES, e + base, e_step, pitch, outputs);
    });
    parallel(outputs / ROWS * (inputs / BLOCK), [&](int64_t task) {
      float *m = own(products);
      int64_t s = task / (inputs / BLOCK) * ROWS, l = task % (inputs / BLOCK) * BLOCK;
      for (int64_t k = 0; k < PRODUCTS; ++k)
        product<float>(ROWS, count, e + k * e_step + s * pitch, pitch, panel(d + k * d_step, depth, 0, l), m + k * m_step,
                       BLOCK);
      for (int64_t i = 0; i < ROWS; ++i) {
        float *taps[TAPS];
        for (int64_t k = 0; k < TAPS; ++k) taps[k] = w + ((s + i) * TAPS + k) * inputs + l;
        from_products<TapGradients>(m + i * BLOCK, m_step, taps, BLOCK / LANES, nullptr, /*add=*/first > 0);
      }
    });
  }
  return sums.to(small.scalar_type());
}

bool is_bf16(const Tensor &x) { return x.scalar_type() == at::kBFloat16; }
}  // namespace

Tensor gather(const Tensor &large, const Tensor &weight, const std::optional<Tensor> &bias, const Border &border) {
  return is_bf16(large) ? gather_of<BFloat16>(large, weight, bias, border) : gather_of<float>(large, weight, bias, border);
}

Tensor spread(const Tensor &small, const Tensor &weight, const Border &border, int64_t height, int64_t width) {
  return is_bf16(small) ? spread_of<BFloat16>(small, weight, border, height, width)
                        : spread_of<float>(small, weight, border, height, width);
}

Tensor weight_gradient(const Tensor &small, const Tensor &large, const Border &border) {
  return is_bf16(small) ? weight_gradient_of<BFloat16>(small, large, border) : weight_gradient_of<float>(small, large, border);
}

bool pays(const Tensor &large, const Tensor &weight, const Border &border) {
  auto fits = [&](const Tensor &x) {
    return x.dim() == 4 && x.device().is_cpu() && (x.scalar_type() == at::kFloat || is_bf16(x)) &&
           x.scalar_type() == large.scalar_type() && x.is_contiguous(at::MemoryFormat::ChannelsLast);
  };
  if (!fits(large) || !fits(weight) || weight.size(2) != 3 || weight.size(3) != 3) return false;
  if (border.size < 0 || (border.reflects && border.size >= std::min(large.size(2), large.size(3)))) return false;
  Tiles tiles(large.size(0), large.size(2) + 2 * border.size - 2, large.size(3) + 2 * border.size - 2);
  return weight.size(0) % BLOCK == 0 && weight.size(1) % BLOCK == 0 && large.size(1) == weight.size(1) &&
         tiles.height > 0 && tiles.width > 0 && tiles.count() >= FEWEST && has_product<float>();
}
}  // namespace winograd3x3
