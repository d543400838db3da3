// Instance normalisation (Ulyanov et al. 2016) with a leaky ReLU after it, of channels-last images on the CPU. LibTorch's own
// would bring such images into NCHW order and back, and of a single image whose gradient lies in NHWC order the gradient that
// LibTorch 2.11 computes is wrong. Pixels go in chunks that stay in the cache: of each the mean and the
// squared deviations from it, so that sums of f32 lose nothing; chunks are put together in f64. The derivative is ours too;
// one that is differentiated again is made of LibTorch's operations.
#include "lanes.h"
#include "parallel.h"
#include "vectorized.h"

#include <torch/csrc/autograd/custom_function.h>

namespace {
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t CHUNK = 64;  // pixels

// Of `count` pixels: means, then sums of squared deviations from them.
template <class T>
VECTORIZED void moments(const T *x, int64_t count, int64_t channels, float *mean, float *squares) {
  for (int64_t c = 0; c < channels; c += LANES) {
    Lanes sum = {}, square = {};
    for (int64_t i = 0; i < count; ++i) sum += load(x + i * channels + c);
    sum *= 1.0f / count;
    for (int64_t i = 0; i < count; ++i) {
      Lanes deviation = load(x + i * channels + c) - sum;
      square += deviation * deviation;
    }
    store(mean + c, sum);
    store(squares + c, square);
  }
}

INLINE Lanes sloped(Lanes x, Lanes decides, float slope) { return chosen(positive(decides), x, slope * x); }

template <class T>
VECTORIZED void normalise(const T *x, T *y, int64_t count, int64_t channels, const float *mean, const float *scale,
                          float slope) {
  for (int64_t i = 0; i < count * channels; i += channels)
    for (int64_t c = 0; c < channels; c += LANES) {
      Lanes value = (load(x + i + c) - load(mean + c)) * load(scale + c);
      store(y + i + c, sloped(value, value, slope));
    }
}

// Of `count` pixels: sums of the gradient of what is normalised, then of its product with that.
template <class T>
VECTORIZED void slopes(const T *x, const T *grad, int64_t count, int64_t channels, const float *mean, const float *scale,
                       float slope, float *plain, float *along) {
  for (int64_t c = 0; c < channels; c += LANES) {
    Lanes sum = {}, product = {}, middle = load(mean + c), factor = load(scale + c);
    for (int64_t i = c; i < count * channels; i += channels) {
      Lanes value = (load(x + i) - middle) * factor, g = sloped(load(grad + i), value, slope);
      sum += g;
      product += g * value;
    }
    store(plain + c, sum);
    store(along + c, product);
  }
}

// The gradient of x from those sums, divided by the number of pixels.
template <class T>
VECTORIZED void denormalise(const T *x, const T *grad, T *out, int64_t count, int64_t channels, const float *mean,
                            const float *scale, float slope, const float *plain, const float *along) {
  for (int64_t i = 0; i < count * channels; i += channels)
    for (int64_t c = 0; c < channels; c += LANES) {
      Lanes factor = load(scale + c), value = (load(x + i + c) - load(mean + c)) * factor;
      Lanes g = sloped(load(grad + i + c), value, slope);
      store(out + i + c, (g - load(plain + c) - value * load(along + c)) * factor);
    }
}

// The chunks of every image.
struct Chunks {
  int64_t images, pixels, channels, each;
  explicit Chunks(const Tensor &x)
      : images(x.size(0)), pixels(x.size(2) * x.size(3)), channels(x.size(1)), each((pixels + CHUNK - 1) / CHUNK) {}
  int64_t size(int64_t chunk) const { return std::min(CHUNK, pixels - chunk * CHUNK); }
  Tensor two_rows() const { return at::empty({images * each, 2, channels}, at::kFloat); }

  // Calls body(image, number, pixels, where it begins) for every chunk.
  template <class Body>
  void for_each(const Body &body) const {
    parallel(images * each, [&](int64_t task) {
      int64_t image = task / each, chunk = task % each;
      body(image, task, size(chunk), (image * pixels + chunk * CHUNK) * channels);
    });
  }
};

// [N, 2, C]: means and reciprocal deviations.
template <class T>
Tensor statistics(const Tensor &x, double eps) {
  Chunks chunks(x);
  Tensor parts = chunks.two_rows(), out = at::empty({chunks.images, 2, chunks.channels}, at::kFloat);
  const T *from = x.const_data_ptr<T>();
  float *part = parts.data_ptr<float>(), *to = out.data_ptr<float>();
  int64_t channels = chunks.channels;
  chunks.for_each([&](int64_t, int64_t task, int64_t count, int64_t at) {
    moments(from + at, count, channels, part + 2 * task * channels, part + (2 * task + 1) * channels);
  });
  std::vector<double> mean(channels), squares(channels);
  for (int64_t image = 0; image < chunks.images; ++image, part += 2 * chunks.each * channels, to += 2 * channels) {
    std::fill(mean.begin(), mean.end(), 0);
    std::fill(squares.begin(), squares.end(), 0);
    for (int64_t chunk = 0; chunk < chunks.each; ++chunk)
      for (int64_t c = 0; c < channels; ++c) mean[c] += double(part[2 * chunk * channels + c]) * chunks.size(chunk);
    for (int64_t c = 0; c < channels; ++c) mean[c] /= chunks.pixels;
    for (int64_t chunk = 0; chunk < chunks.each; ++chunk)
      for (int64_t c = 0; c < channels; ++c) {
        double apart = part[2 * chunk * channels + c] - mean[c];
        squares[c] += part[(2 * chunk + 1) * channels + c] + apart * apart * chunks.size(chunk);
      }
    for (int64_t c = 0; c < channels; ++c) {
      to[c] = mean[c];
      to[channels + c] = 1 / std::sqrt(squares[c] / chunks.pixels + eps);
    }
  }
  return out;
}

template <class T>
Tensor normalised(const Tensor &x, const Tensor &statistics, float slope) {
  Chunks chunks(x);
  Tensor out = at::empty_like(x);
  const T *from = x.const_data_ptr<T>();
  const float *both = statistics.const_data_ptr<float>();
  T *to = out.data_ptr<T>();
  int64_t channels = chunks.channels;
  chunks.for_each([&](int64_t image, int64_t, int64_t count, int64_t at) {
    const float *mean = both + 2 * image * channels;
    normalise(from + at, to + at, count, channels, mean, mean + channels, slope);
  });
  return out;
}

template <class T>
Tensor gradient(const Tensor &x, const Tensor &grad, const Tensor &statistics, float slope) {
  Chunks chunks(x);
  Tensor parts = chunks.two_rows(), out = at::empty_like(x);
  const T *from = x.const_data_ptr<T>(), *given = grad.const_data_ptr<T>();
  const float *both = statistics.const_data_ptr<float>();
  float *part = parts.data_ptr<float>();
  T *to = out.data_ptr<T>();
  int64_t channels = chunks.channels;
  chunks.for_each([&](int64_t image, int64_t task, int64_t count, int64_t at) {
    const float *mean = both + 2 * image * channels;
    float *plain = part + 2 * task * channels;
    slopes(from + at, given + at, count, channels, mean, mean + channels, slope, plain, plain + channels);
  });
  std::vector<double> sums(2 * channels);
  std::vector<float> means(chunks.images * 2 * channels);
  for (int64_t image = 0; image < chunks.images; ++image) {
    std::fill(sums.begin(), sums.end(), 0);
    for (int64_t chunk = 0; chunk < chunks.each; ++chunk)
      for (int64_t c = 0; c < 2 * channels; ++c) sums[c] += part[(image * chunks.each + chunk) * 2 * channels + c];
    for (int64_t c = 0; c < 2 * channels; ++c) means[image * 2 * channels + c] = sums[c] / chunks.pixels;
  }
  chunks.for_each([&](int64_t image, int64_t, int64_t count, int64_t at) {
    const float *mean = both + 2 * image * channels, *plain = means.data() + 2 * image * channels;
    denormalise(from + at, given + at, to + at, count, channels, mean, mean + channels, slope, plain, plain + channels);
  });
  return out;
}

bool is_bf16(const Tensor &x) { return x.scalar_type() == at::kBFloat16; }

// The same gradient by LibTorch's operations, for which it knows derivatives.
Tensor composed_gradient(const Tensor &x, const Tensor &grad, double eps, double slope) {
  Tensor wide = x.to(at::kFloat), centred = wide - wide.mean({2, 3}, true);
  Tensor scale = (centred.square().mean({2, 3}, true) + eps).rsqrt(), value = centred * scale;
  Tensor g = grad.to(at::kFloat) * at::where(value.detach() > 0, 1.0, slope);
  Tensor out = (g - g.mean({2, 3}, true) - value * (g * value).mean({2, 3}, true)) * scale;
  return out.to(x.scalar_type());
}

struct InstanceNorm : torch::autograd::Function<InstanceNorm> {
  static Tensor forward(AutogradContext *ctx, const Tensor &x, double eps, double slope) {
    Tensor both = is_bf16(x) ? statistics<BFloat16>(x, eps) : statistics<float>(x, eps);
    ctx->save_for_backward({x, both});
    ctx->saved_data["eps"] = eps;
    ctx->saved_data["slope"] = slope;
    return is_bf16(x) ? normalised<BFloat16>(x, both, slope) : normalised<float>(x, both, slope);
  }

  static variable_list backward(AutogradContext *ctx, variable_list grads) {
    variable_list saved = ctx->get_saved_variables();
    double eps = ctx->saved_data["eps"].toDouble(), slope = ctx->saved_data["slope"].toDouble();
    Tensor x = saved[0], grad = grads[0];
    if (at::GradMode::is_enabled()) return {composed_gradient(x, grad, eps, slope), Tensor(), Tensor()};
    grad = grad.contiguous(at::MemoryFormat::ChannelsLast);
    return {is_bf16(x) ? gradient<BFloat16>(x, grad, saved[1], slope) : gradient<float>(x, grad, saved[1], slope), Tensor(),
            Tensor()};
  }
};

// LibTorch's, with its gradient in the order that it can take.
struct InOrder : torch::autograd::Function<InOrder> {
  static Tensor forward(AutogradContext *, const Tensor &x) { return x.clone(); }
  static variable_list backward(AutogradContext *, variable_list grads) { return {grads[0].contiguous()}; }
};
}  // namespace

extern "C" {

// Each channel of each image to mean 0 and variance 1, then `slope` times what is negative (1 leaves it, 0 is a ReLU).
char *gan_instance_norm(const Tensor *x, double eps, double slope, Tensor **result) {
  return guarded([&] {
    TORCH_CHECK(x->dim() == 4 && x->size(2) * x->size(3) > 1, "instance norm: images of several pixels are needed, not ",
                x->sizes());
    bool ours = x->device().is_cpu() && (x->scalar_type() == at::kFloat || is_bf16(*x)) && x->numel() > 0 &&
                x->size(1) % LANES == 0 && x->is_contiguous(at::MemoryFormat::ChannelsLast);
    if (ours) {
      *result = new Tensor(InstanceNorm::apply(*x, eps, slope));
      return;
    }
    Tensor out = at::instance_norm(*x, {}, {}, {}, {}, /*use_input_stats=*/true, 0.0, eps, true);
    if (x->device().is_cpu()) out = InOrder::apply(out);
    if (slope == 0) out.relu_();
    else if (slope != 1) at::leaky_relu_(out, slope);
    *result = new Tensor(out);
  });
}
}
