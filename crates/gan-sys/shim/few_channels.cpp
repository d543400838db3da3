// oneDNN pads few channels to a whole vector. Here all taps of a kernel, k * k * S of them, take their place: outputs are
// every pixel times all taps, added up where they belong; the gradient of the kernel is what each pixel meets of the outputs'
// gradient, k * k * S numbers, times the pixel. Products go a row of pixels at a time. The gradient of the inputs, whose
// channels are many, is LibTorch's.
#include "few_channels.h"

#include "lanes.h"
#include "parallel.h"
#include "product.h"
#include "vectorized.h"

namespace few_channels {
namespace {
constexpr int64_t QUAD = 4;    // the most channels that are few
constexpr int64_t BAND = 16;   // rows of a task
constexpr int64_t FEWEST = 9;  // taps, of all channels, for which a product of them all pays

typedef float Quad __attribute__((vector_size(16), aligned(4), may_alias));

Tensor memory(at::IntArrayRef size) { return at::empty(size, at::kFloat); }
Tensor memory_per_thread(int64_t size) { return memory({at::get_num_threads(), size}); }
float *own(const Tensor &per_thread) { return per_thread.data_ptr<float>() + at::get_thread_num() * per_thread.stride(0); }
Tensor images(at::ScalarType type, int64_t count, int64_t channels, int64_t height, int64_t width) {
  return at::empty({count, channels, height, width}, at::TensorOptions(type).memory_format(at::MemoryFormat::ChannelsLast));
}
int64_t whole_vectors(int64_t count) { return (count + LANES - 1) / LANES * LANES; }

// For every place of a row with its border, where it comes from.
std::vector<int64_t> sources(int64_t count, const Border &border) {
  std::vector<int64_t> out(count + 2 * border.size);
  for (size_t place = 0; place < out.size(); ++place) out[place] = border.source(place, count);
  return out;
}

template <class T>
VECTORIZED void widen(const T *from, float *to, int64_t count) {
  for (int64_t i = 0; i < count; ++i) to[i] = static_cast<float>(from[i]);
}

// sums[x] += the products of tap i with pixel x + i, for all `kernel` taps of a row.
VECTORIZED void add_taps(const float *const *pixels, float *sums, int64_t width, int64_t kernel, int64_t channels) {
  for (int64_t x = 0; x < width; ++x) {
    Quad sum = *reinterpret_cast<Quad *>(sums + x * QUAD);
    for (int64_t i = 0; i < kernel; ++i) sum += *reinterpret_cast<const Quad *>(pixels[x + i] + i * channels);
    *reinterpret_cast<Quad *>(sums + x * QUAD) = sum;
  }
}

template <class T>
Tensor gather_of(const Tensor &large, const Tensor &weight, const std::optional<Tensor> &bias, const Border &border) {
  int64_t outputs = weight.size(0), inner = weight.size(1), kernel = weight.size(2), taps = kernel * kernel * outputs;
  int64_t columns = whole_vectors(taps + QUAD), tall = large.size(2), wide = large.size(3);
  int64_t height = tall + 2 * border.size - kernel + 1, width = wide + 2 * border.size - kernel + 1;
  // [inner in words][columns]: numbers of two rows to a word of bf16.
  Tensor matrix = at::zeros({inner / PAIR<T>, columns, PAIR<T>}, weight.scalar_type());
  matrix.narrow(1, 0, taps).copy_(
      weight.permute({1, 2, 3, 0}).reshape({inner / PAIR<T>, PAIR<T>, taps}).transpose(1, 2));
  Tensor out = images(large.scalar_type(), large.size(0), outputs, height, width);
  Tensor products = memory_per_thread(wide * columns), sums = memory_per_thread(BAND * width * QUAD);
  std::vector<float> nothing(columns), offset(QUAD);
  if (bias) std::copy_n(bias->to(at::kFloat).contiguous().const_data_ptr<float>(), outputs, offset.begin());
  std::vector<int64_t> of_row = sources(tall, border), of_column = sources(wide, border);
  const float *x = static_cast<const float *>(large.const_data_ptr()), *w = static_cast<const float *>(matrix.const_data_ptr());
  T *y = out.data_ptr<T>();
  int64_t bands = (height + BAND - 1) / BAND, pitch = inner / PAIR<T>;
  parallel(large.size(0) * bands, [&](int64_t task) {
    MatrixTiles tiles;
    int64_t image = task / bands, first = task % bands * BAND, last = std::min(height, first + BAND);
    float *sum = own(sums), *product_row = own(products);
    for (int64_t i = 0; i < (last - first) * width; ++i) std::copy_n(offset.begin(), QUAD, sum + i * QUAD);
    std::vector<const float *> pixels(of_column.size());
    for (int64_t row = first; row < last + kernel - 1; ++row) {
      if (of_row[row] < 0) continue;
      product_of<T>(wide, columns, inner, x + (image * tall + of_row[row]) * wide * pitch, pitch, w, columns, product_row,
                    columns);
      for (int64_t tap = 0; tap < kernel; ++tap) {
        int64_t target = row - tap;
        if (target < first || target >= last) continue;
        for (size_t c = 0; c < pixels.size(); ++c)
          pixels[c] = (of_column[c] < 0 ? nothing.data() : product_row + of_column[c] * columns) +
                      (of_column[c] < 0 ? 0 : tap * kernel * outputs);
        add_taps(pixels.data(), sum + (target - first) * width * QUAD, width, kernel, outputs);
      }
    }
    for (int64_t i = 0; i < (last - first) * width; ++i)
      for (int64_t o = 0; o < outputs; ++o)
        y[((image * height + first) * width + i) * outputs + o] = static_cast<T>(sum[i * QUAD + o]);
  });
  return out;
}

// The small side in f32, [N, rows, columns, S], with `kernel - 1` zeros on every side.
Tensor surrounded(const Tensor &small, int64_t kernel) {
  int64_t around = kernel - 1;
  Tensor out = at::zeros({small.size(0), small.size(2) + 2 * around, small.size(3) + 2 * around, small.size(1)}, at::kFloat);
  out.narrow(1, around, small.size(2)).narrow(2, around, small.size(3)).copy_(small.permute({0, 2, 3, 1}));
  return out;
}

template <class T>
Tensor weight_gradient_of(const Tensor &small, const Tensor &large, int64_t kernel, const Border &border) {
  int64_t outputs = small.size(1), channels = large.size(1), taps = kernel * kernel * outputs;
  int64_t height = large.size(2), width = large.size(3), places = width + 2 * border.size, rows = height + 2 * border.size;
  // Planes of the small side, so that a tap's numbers along a row lie together.
  Tensor planes = surrounded(small, kernel).permute({0, 3, 1, 2}).contiguous();  // [N, S, rows, columns]
  int64_t bands = (rows + BAND - 1) / BAND, pitch = whole_vectors(places);
  Tensor parts = at::zeros({small.size(0) * bands, taps, channels}, at::kFloat);
  Tensor meetings = memory_per_thread(taps * pitch), pixels = memory_per_thread(places * channels);
  std::vector<int64_t> of_row = sources(height, border), of_column = sources(width, border);
  const float *g = planes.const_data_ptr<float>();
  const T *x = large.const_data_ptr<T>();
  int64_t tall = planes.size(2), wide = planes.size(3);
  parallel(small.size(0) * bands, [&](int64_t task) {
    int64_t image = task / bands, first = task % bands * BAND;
    float *met = own(meetings), *pixel = own(pixels), *sum = parts.data_ptr<float>() + task * taps * channels;
    for (int64_t row = first; row < std::min(rows, first + BAND); ++row) {
      if (of_row[row] < 0) continue;
      for (int64_t c = 0; c < places; ++c)
        if (of_column[c] < 0) std::fill_n(pixel + c * channels, channels, 0.0f);
        else widen(x + ((image * height + of_row[row]) * width + of_column[c]) * channels, pixel + c * channels, channels);
      for (int64_t tap = 0; tap < taps; ++tap) {
        int64_t down = kernel - 1 - tap / (kernel * outputs), right = kernel - 1 - tap / outputs % kernel;
        std::memcpy(met + tap * pitch, g + ((image * outputs + tap % outputs) * tall + row + down) * wide + right,
                    places * sizeof(float));
      }
      product_of<float>(taps, channels, places, met, pitch, pixel, channels, sum, channels, /*add=*/true);
    }
  });
  Tensor sum = parts.sum(0).view({kernel, kernel, outputs, channels}).permute({2, 3, 0, 1});
  return sum.to(small.scalar_type()).contiguous(at::MemoryFormat::ChannelsLast);
}

bool is_bf16(const Tensor &x) { return x.scalar_type() == at::kBFloat16; }
}  // namespace

Tensor gather(const Tensor &large, const Tensor &weight, const std::optional<Tensor> &bias, const Border &border) {
  return is_bf16(large) ? gather_of<BFloat16>(large, weight, bias, border) : gather_of<float>(large, weight, bias, border);
}

Tensor spread(const Tensor &small, const Tensor &weight, const Border &border, int64_t height, int64_t width) {
  int64_t padding = border.reflects ? 0 : border.size;
  Tensor out = at::convolution(small, weight, {}, {1, 1}, {padding, padding}, {1, 1}, /*transposed=*/true, {0, 0}, 1);
  if (border.reflects) {
    Tensor shape = images(out.scalar_type(), small.size(0), weight.size(1), height, width);
    out = at::reflection_pad2d_backward(out, shape, {border.size, border.size, border.size, border.size});
  }
  return out.contiguous(at::MemoryFormat::ChannelsLast);
}

Tensor weight_gradient(const Tensor &small, const Tensor &large, const Border &border) {
  int64_t kernel = large.size(2) + 2 * border.size - small.size(2) + 1;
  return is_bf16(small) ? weight_gradient_of<BFloat16>(small, large, kernel, border)
                        : weight_gradient_of<float>(small, large, kernel, border);
}

bool pays(const Tensor &large, const Tensor &weight, const Border &border) {
  auto fits = [&](const Tensor &x) {
    return x.dim() == 4 && x.device().is_cpu() && (x.scalar_type() == at::kFloat || is_bf16(x)) &&
           x.scalar_type() == large.scalar_type() && x.is_contiguous(at::MemoryFormat::ChannelsLast);
  };
  if (!fits(large) || !fits(weight) || weight.size(2) != weight.size(3) || large.size(1) != weight.size(1)) return false;
  int64_t kernel = weight.size(2), smallest = std::min(large.size(2), large.size(3));
  return weight.size(0) <= QUAD && kernel * kernel * weight.size(0) >= FEWEST && weight.size(1) % LANES == 0 &&
         border.size >= 0 && border.size < (border.reflects ? smallest : kernel) && smallest + 2 * border.size >= kernel &&
         (is_bf16(large) ? has_product<BFloat16>() && has_product<float>() : has_product<float>());
}
}  // namespace few_channels
