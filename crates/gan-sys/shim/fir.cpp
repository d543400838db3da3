// Resampling of channels-last images on the CPU with a finite impulse response: zeros between pixels, padding, a small filter,
// every n-th pixel kept (`upfirdn2d`). LibTorch would multiply with the zeros, and its depthwise convolutions are slow.
// Every pixel that comes out is a sum over the taps that meet a pixel, for all channels at once. The derivative is the same
// operation with enlarging and reducing exchanged, so that there are any number of derivatives.
#include "lanes.h"
#include "parallel.h"
#include "vectorized.h"

#include <torch/csrc/autograd/custom_function.h>

namespace {
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Of one direction.
struct Line {
  int64_t up, down, before, after, taps;
  int64_t reduced(int64_t size) const { return (size * up + before + after - taps) / down + 1; }
  // What brings `size` pixels' gradient back.
  Line back(int64_t size) const {
    return {down, up, taps - before - 1, size * up - reduced(size) * down + before - up + 1, taps};
  }
};

struct Place {
  int64_t from;  // where the pixel begins
  float factor;
};

// The sum of `count` pixels times their factors.
template <class T>
VECTORIZED void weigh(const T *x, T *y, int64_t channels, const Place *places, int64_t count) {
  int64_t c = 0;
  for (; c + 2 * LANES <= channels; c += 2 * LANES) {
    Lanes low = {}, high = {};
    for (int64_t i = 0; i < count; ++i) {
      const T *from = x + places[i].from + c;
      low += load(from) * places[i].factor;
      high += load(from + LANES) * places[i].factor;
    }
    store(y + c, low);
    store(y + c + LANES, high);
  }
  for (; c + LANES <= channels; c += LANES) {
    Lanes sum = {};
    for (int64_t i = 0; i < count; ++i) sum += load(x + places[i].from + c) * places[i].factor;
    store(y + c, sum);
  }
  for (; c < channels; ++c) {
    float sum = 0;
    for (int64_t i = 0; i < count; ++i) sum += static_cast<float>(x[places[i].from + c]) * places[i].factor;
    y[c] = static_cast<T>(sum);
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

template <class T>
Tensor resampled(const Tensor &x, const Tensor &filter, const Line &across, const Line &along) {
  int64_t images = x.size(0), channels = x.size(1), height = x.size(2), width = x.size(3);
  std::vector<Meeting> rows = meetings(along, height), columns = meetings(across, width);
  int64_t out_height = rows.size(), out_width = columns.size();
  Tensor out = at::empty({images, channels, out_height, out_width}, x.options().memory_format(at::MemoryFormat::ChannelsLast));
  const T *from = x.const_data_ptr<T>();
  const float *taps = filter.const_data_ptr<float>();
  T *to = out.data_ptr<T>();
  parallel(images * out_height, [&](int64_t task) {
    int64_t image = task / out_height, row = task % out_height;
    std::vector<Place> places(across.taps * along.taps);
    for (int64_t column = 0; column < out_width; ++column) {
      int64_t count = 0;
      Meeting vertical = rows[row], horizontal = columns[column];
      for (int64_t i = vertical.tap, y = vertical.pixel; i < along.taps && y < height; i += along.up, ++y)
        for (int64_t j = horizontal.tap, z = horizontal.pixel; j < across.taps && z < width; j += across.up, ++z)
          places[count++] = {((image * height + y) * width + z) * channels, taps[i * across.taps + j]};
      weigh(from, to + (task * out_width + column) * channels, channels, places.data(), count);
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
