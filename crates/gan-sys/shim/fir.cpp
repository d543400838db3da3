// Resampling of channels-last images on the CPU with a finite impulse response: zeros between pixels, padding, a small filter,
// every n-th pixel kept (`upfirdn2d`). LibTorch would multiply with the zeros, and its depthwise convolutions are slow.
// Every pixel that comes out is a sum over the taps that meet a pixel, for all channels at once. The derivative is the same
// operation with enlarging and reducing exchanged, so that there are any number of derivatives.
#include "lanes.h"
#include "parallel.h"
#include "vectorized.h"

#include <algorithm>
#include <torch/csrc/autograd/custom_function.h>

namespace {
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Of one direction.
struct Line {
  int64_t up, down, before, after, taps;
  int64_t reduced(int64_t size) const { return (size * up + before + after - taps) / down + 1; }
  bool still() const { return taps == 1 && up == 1 && down == 1 && before == 0 && after == 0; }
  // What brings `size` pixels' gradient back.
  Line back(int64_t size) const {
    return {down, up, taps - before - 1, size * up - reduced(size) * down + before - up + 1, taps};
  }
};

struct Place {
  int64_t from;  // where the pixel begins
  float factor;
};

// What one sum is made of.
struct Sum {
  const Place *places;
  int64_t count;
};

// Sums of pixels, or of whole lines of them, times their factors: `length` words each.
template <class From, class To>
VECTORIZED void weigh(const From *x, To *y, int64_t length, const Sum *sums, int64_t many) {
  for (int64_t sum = 0; sum < many; ++sum, y += length) {
    auto [places, count] = sums[sum];
    int64_t c = 0;
    for (; c + 2 * LANES <= length; c += 2 * LANES) {
      Lanes low = {}, high = {};
      for (int64_t i = 0; i < count; ++i) {
        const From *from = x + places[i].from + c;
        low += load(from) * places[i].factor;
        high += load(from + LANES) * places[i].factor;
      }
      store(y + c, low);
      store(y + c + LANES, high);
    }
    for (; c + LANES <= length; c += LANES) {
      Lanes all = {};
      for (int64_t i = 0; i < count; ++i) all += load(x + places[i].from + c) * places[i].factor;
      store(y + c, all);
    }
    for (; c < length; ++c) {
      float all = 0;
      for (int64_t i = 0; i < count; ++i) all += static_cast<float>(x[places[i].from + c]) * places[i].factor;
      y[c] = static_cast<To>(all);
    }
  }
}

// Taps of a line that meet a pixel, for every place that comes out: the first tap and pixel; the next is `up` taps on.
struct Meeting {
  int64_t tap, pixel;
};
std::vector<Meeting> meetings(const Line &line, int64_t size) {
  std::vector<Meeting> out(line.reduced(size));
  for (size_t place = 0; place < out.size(); ++place) {
    // The enlarged pixel under tap 0, and the first tap that lies on a pixel that is there.
    int64_t first = static_cast<int64_t>(place) * line.down - line.before, tap = 0;
    if (first < 0) tap = -first;
    while ((first + tap) % line.up != 0) ++tap;
    out[place] = {tap, (first + tap) / line.up};
  }
  return out;
}

// All sums of a direction; a tap's factor is `factors[tap]`, and what it meets lies `pitch` words from the next.
struct Sums {
  std::vector<Place> places;
  std::vector<Sum> all;
  Sums(Sums &&) = default;  // sums point into places
  Sums(const Line &line, int64_t size, const float *factors, int64_t pitch) {
    std::vector<Meeting> met = meetings(line, size);
    places.resize(met.size() * line.taps);
    for (size_t at = 0; at < met.size(); ++at) {
      Place *first = &places[at * line.taps], *next = first;
      auto [tap, pixel] = met[at];
      for (; tap < line.taps && pixel < size; tap += line.up, ++pixel) *next++ = {pixel * pitch, factors[tap]};
      all.push_back({first, next - first});
    }
  }
};

// A filter as the product of one down the image and one across it: half the work of a filter of 4 x 4 taps. Only some filters
// are one.
struct Product {
  std::vector<float> down, across;
  bool exact = true;
  explicit Product(const Tensor &filter) : down(filter.size(0)), across(filter.size(1)) {
    const float *taps = filter.const_data_ptr<float>();
    auto smaller = [](float x, float y) { return std::abs(x) < std::abs(y); };
    int64_t width = across.size(), largest = std::max_element(taps, taps + filter.numel(), smaller) - taps;
    float peak = taps[largest];
    for (size_t i = 0; i < down.size(); ++i) down[i] = taps[i * width + largest % width];
    for (int64_t j = 0; j < width; ++j) across[j] = peak == 0 ? 0 : taps[largest / width * width + j] / peak;
    for (size_t i = 0; i < down.size(); ++i)
      for (int64_t j = 0; j < width; ++j) exact &= std::abs(down[i] * across[j] - taps[i * width + j]) <= 1e-6f * std::abs(peak);
  }
};

template <class T>
Tensor resampled(const Tensor &x, const Tensor &filter, const Line &across, const Line &along) {
  int64_t images = x.size(0), channels = x.size(1), height = x.size(2), width = x.size(3), pitch = width * channels;
  int64_t out_height = along.reduced(height), out_width = across.reduced(width), out_pitch = out_width * channels;
  Tensor out = at::empty({images, channels, out_height, out_width}, x.options().memory_format(at::MemoryFormat::ChannelsLast));
  const T *from = x.const_data_ptr<T>();
  T *to = out.data_ptr<T>();
  if (Product product(filter); product.exact) {
    Sums rows(along, height, product.down.data(), pitch), columns(across, width, product.across.data(), channels);
    parallel(images * out_height, [&](int64_t task) {
      const T *image = from + task / out_height * height * pitch;
      const Sum &row = rows.all[task % out_height];
      if (across.still()) return weigh(image, to + task * out_pitch, pitch, &row, 1);  // its factor is 1
      static thread_local std::vector<float> line;
      line.resize(std::max<size_t>(line.size(), pitch));
      weigh(image, line.data(), pitch, &row, 1);
      weigh(line.data(), to + task * out_pitch, channels, columns.all.data(), out_width);
    });
    return out;
  }
  std::vector<Sums> columns;  // for every row of the filter
  const float *taps = filter.const_data_ptr<float>();
  for (int64_t i = 0; i < along.taps; ++i) columns.emplace_back(across, width, taps + i * across.taps, channels);
  std::vector<Meeting> rows = meetings(along, height);
  parallel(images * out_height, [&](int64_t task) {
    std::vector<Place> places(across.taps * along.taps);
    auto [first, above] = rows[task % out_height];
    for (int64_t column = 0; column < out_width; ++column) {
      Place *next = places.data();
      for (int64_t i = first, y = above; i < along.taps && y < height; i += along.up, ++y) {
        Sum sum = columns[i].all[column];
        for (int64_t k = 0; k < sum.count; ++k) *next++ = {y * pitch + sum.places[k].from, sum.places[k].factor};
      }
      Sum all{places.data(), next - places.data()};
      weigh(from + task / out_height * height * pitch, to + task * out_pitch + column * channels, channels, &all, 1);
    }
  });
  return out;
}

at::IntArrayRef numbers(const Line &line) { return {&line.up, 5}; }
Line line_of(const std::vector<int64_t> &n) { return {n[0], n[1], n[2], n[3], n[4]}; }

struct Fir : torch::autograd::Function<Fir> {
  static Tensor forward(AutogradContext *ctx, const Tensor &x, const Tensor &filter, const std::vector<int64_t> &across,
                        const std::vector<int64_t> &along) {
    Line horizontal = line_of(across), vertical = line_of(along);
    ctx->saved_data["filter"] = filter;
    ctx->saved_data["across"] = numbers(horizontal.back(x.size(3))).vec();
    ctx->saved_data["along"] = numbers(vertical.back(x.size(2))).vec();
    Tensor laid_out = x.contiguous(at::MemoryFormat::ChannelsLast);
    return x.scalar_type() == at::kBFloat16 ? resampled<BFloat16>(laid_out, filter, horizontal, vertical)
                                            : resampled<float>(laid_out, filter, horizontal, vertical);
  }

  static variable_list backward(AutogradContext *ctx, variable_list grads) {
    Tensor filter = ctx->saved_data["filter"].toTensor().flip({0, 1});
    std::vector<int64_t> across = ctx->saved_data["across"].toIntVector(), along = ctx->saved_data["along"].toIntVector();
    return {Fir::apply(grads[0], filter, across, along), Tensor(), Tensor(), Tensor()};
  }
};
}  // namespace

extern "C" {

// `filter` `[h, w]`, f32, is laid over the image as it is. `across` and `along`: up, down, padding before and after.
char *gan_fir(const Tensor *x, const Tensor *filter, const int64_t *across, const int64_t *along, Tensor **result) {
  return guarded([&] {
    TORCH_CHECK(x->dim() == 4 && filter->dim() == 2, "fir: images and a filter are needed, not ", x->sizes(), " and ",
                filter->sizes());
    TORCH_CHECK(x->device().is_cpu() && (x->scalar_type() == at::kFloat || x->scalar_type() == at::kBFloat16),
                "fir: f32 or bf16 on the CPU is needed");
    Line horizontal{across[0], across[1], across[2], across[3], filter->size(1)};
    Line vertical{along[0], along[1], along[2], along[3], filter->size(0)};
    for (auto [line, size] : {std::pair{horizontal, x->size(3)}, std::pair{vertical, x->size(2)}})
      TORCH_CHECK(line.up > 0 && line.down > 0 && size * line.up + line.before + line.after >= line.taps,
                  "fir: a filter of ", line.taps, " taps is larger than the padded image");
    *result = new Tensor(Fir::apply(*x, filter->to(at::kFloat).contiguous(), numbers(horizontal).vec(), numbers(vertical).vec()));
  });
}
}
