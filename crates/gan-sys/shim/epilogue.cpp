// What follows a modulated convolution, in one pass over channels-last images on the CPU: factors for each image's channels, a
// plane added to all channels, a bias, a leaky ReLU, a gain and a bound. The derivative is one pass as well, with the sums over
// pixels and channels taken along the way; one that is differentiated again is made of LibTorch's operations.
#include "lanes.h"
#include "parallel.h"
#include "vectorized.h"

#include <torch/csrc/autograd/custom_function.h>

namespace {
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t CHUNK = 64;  // pixels
constexpr uint32_t INFINITE = 0x7f800000;

struct Shape {
  float slope, gain, clamp;  // clamp 0: no bound
};

INLINE Lanes bent(Lanes x, const Shape &shape) {
  Lanes y = chosen(negative(x), x * shape.slope, x) * shape.gain;
  if (shape.clamp > 0) {
    Words bound = (Words)(Lanes{} + shape.clamp), size = magnitude(y);
    Words beyond = below(bound, size) & ~below(Words{} + INFINITE, size);  // not NaN, which stays
    y = chosen(beyond, (Lanes)(((Words)y & 0x80000000) | bound), y);
  }
  return y;
}

// What a gradient is multiplied by, known from what came out.
INLINE Lanes slope_of(Lanes y, const Shape &shape) {
  Lanes factor = chosen(positive(y), Lanes{} + shape.gain, Lanes{} + shape.gain * shape.slope);
  if (shape.clamp > 0) factor = chosen(below(magnitude(y), (Words)(Lanes{} + shape.clamp)), factor, Lanes{});
  return factor;
}

// `scale` and `bias` `[channels]`, `noise` `[count]`; each may be null.
template <class T>
VECTORIZED void forward_pixels(const T *x, T *y, int64_t count, int64_t channels, const float *scale, const float *noise,
                               const float *bias, Shape shape) {
  for (int64_t i = 0; i < count; ++i) {
    float added = noise ? noise[i] : 0;
    for (int64_t c = 0; c < channels; c += LANES) {
      Lanes value = load(x + i * channels + c);
      if (scale) value *= load(scale + c);
      value += added;
      if (bias) value += load(bias + c);
      store(y + i * channels + c, bent(value, shape));
    }
  }
}

// The gradient of x, and sums of what comes before the factors: over pixels, times x over pixels, over channels.
template <class T>
VECTORIZED void backward_pixels(const T *x, const T *y, const T *grad, T *dx, int64_t count, int64_t channels,
                                const float *scale, Shape shape, float *plain, float *along, float *planes) {
  if (planes)
    for (int64_t i = 0; i < count; ++i) planes[i] = 0;
  for (int64_t c = 0; c < channels; c += LANES) {
    Lanes factor = Lanes{} + 1.0f, sum = {}, product = {};
    if (scale) factor = load(scale + c);
    for (int64_t i = 0; i < count; ++i) {
      int64_t at = i * channels + c;
      Lanes g = load(grad + at) * slope_of(load(y + at), shape);
      store(dx + at, g * factor);
      sum += g;
      if (along) product += g * load(x + at);
      if (planes) planes[i] += total(g);
    }
    store(plain + c, sum);
    if (along) store(along + c, product);
  }
}

const float *pointer(const Tensor &tensor) { return tensor.defined() ? tensor.const_data_ptr<float>() : nullptr; }

struct Chunks {
  int64_t images, pixels, channels, each;
  explicit Chunks(const Tensor &x)
      : images(x.size(0)), pixels(x.size(2) * x.size(3)), channels(x.size(1)), each((pixels + CHUNK - 1) / CHUNK) {}

  // Calls body(image, task, its first pixel, pixels) for every chunk.
  template <class Body>
  void for_each(const Body &body) const {
    parallel(images * each, [&](int64_t task) {
      int64_t first = task % each * CHUNK;
      body(task / each, task, first, std::min(CHUNK, pixels - first));
    });
  }
};

// Where an image's plane of noise begins: all may share one.
struct Planes {
  const float *from;
  int64_t stride;
  Planes(const Tensor &noise, int64_t pixels)
      : from(pointer(noise)), stride(noise.defined() && noise.numel() > pixels ? pixels : 0) {}
  const float *at(int64_t image, int64_t pixel) const { return from ? from + image * stride + pixel : nullptr; }
};

// `out` may be x.
template <class T>
void run_forward(const Tensor &x, const Tensor &scale, const Tensor &noise, const Tensor &bias, Shape shape, const Tensor &out) {
  Chunks chunks(x);
  const T *from = x.const_data_ptr<T>();
  T *to = out.data_ptr<T>();
  const float *factors = pointer(scale), *biases = pointer(bias);
  Planes planes(noise, chunks.pixels);
  chunks.for_each([&](int64_t image, int64_t, int64_t first, int64_t count) {
    int64_t at = (image * chunks.pixels + first) * chunks.channels;
    forward_pixels(from + at, to + at, count, chunks.channels, factors ? factors + image * chunks.channels : nullptr,
                   planes.at(image, first), biases, shape);
  });
}

struct Gradients {
  Tensor x, scale, noise, bias;
};

template <class T>
Gradients run_backward(const Tensor &x, const Tensor &y, const Tensor &grad, const Tensor &scale, bool noisy, Shape shape) {
  Chunks chunks(y);
  int64_t channels = chunks.channels;
  Gradients out{at::empty_like(y), Tensor(), Tensor(), Tensor()};
  Tensor plain = at::empty({chunks.images, chunks.each, channels}, at::kFloat), along;
  if (scale.defined()) along = at::empty_like(plain);
  if (noisy) out.noise = at::empty({chunks.images, 1, y.size(2), y.size(3)}, at::kFloat);
  const T *given = scale.defined() ? x.const_data_ptr<T>() : nullptr, *made = y.const_data_ptr<T>();
  const T *above = grad.const_data_ptr<T>();
  T *to = out.x.data_ptr<T>();
  const float *factors = pointer(scale);
  float *sums = plain.data_ptr<float>(), *products = along.defined() ? along.data_ptr<float>() : nullptr;
  float *planes = noisy ? out.noise.data_ptr<float>() : nullptr;
  chunks.for_each([&](int64_t image, int64_t task, int64_t first, int64_t count) {
    int64_t at = (image * chunks.pixels + first) * channels;
    backward_pixels(given ? given + at : nullptr, made + at, above + at, to + at, count, channels,
                    factors ? factors + image * channels : nullptr, shape, sums + task * channels,
                    products ? products + task * channels : nullptr,
                    planes ? planes + image * chunks.pixels + first : nullptr);
  });
  out.bias = plain.sum(at::IntArrayRef{0, 1});
  if (scale.defined()) out.scale = along.sum(at::IntArrayRef{1});
  return out;
}

bool is_bf16(const Tensor &x) { return x.scalar_type() == at::kBFloat16; }
void run_forward(const Tensor &x, const Tensor &scale, const Tensor &noise, const Tensor &bias, Shape shape, const Tensor &out) {
  is_bf16(x) ? run_forward<BFloat16>(x, scale, noise, bias, shape, out) : run_forward<float>(x, scale, noise, bias, shape, out);
}
Tensor on_pixels(const Tensor &scale, const Tensor &like) {
  return scale.to(like.scalar_type()).unsqueeze(-1).unsqueeze(-1);
}
Tensor like_shape(const Tensor &grad, at::IntArrayRef size) { return at::sum_to(grad, size); }

struct Epilogue : torch::autograd::Function<Epilogue> {
  static Tensor forward(AutogradContext *ctx, const Tensor &x, const std::optional<Tensor> &factors,
                        const std::optional<Tensor> &planes, const std::optional<Tensor> &biases, double slope, double gain,
                        double clamp) {
    Tensor scale = factors.value_or(Tensor()), noise = planes.value_or(Tensor()), bias = biases.value_or(Tensor());
    Shape shape{float(slope), float(gain), float(clamp)};
    Tensor y = at::empty_like(x);
    run_forward(x, scale, noise, bias, shape, y);
    ctx->save_for_backward({scale.defined() ? x : Tensor(), scale, y.detach()});
    ctx->saved_data["noise"] = noise.defined();
    ctx->saved_data["noise_size"] = noise.defined() ? noise.sizes().vec() : std::vector<int64_t>();
    ctx->saved_data["bias"] = bias.defined();
    ctx->saved_data["slope"] = slope;
    ctx->saved_data["gain"] = gain;
    ctx->saved_data["clamp"] = clamp;
    return y;
  }

  static variable_list backward(AutogradContext *ctx, variable_list grads) {
    variable_list saved = ctx->get_saved_variables();
    Tensor x = saved[0], scale = saved[1], y = saved[2], grad = grads[0];
    bool noisy = ctx->saved_data["noise"].toBool(), biased = ctx->saved_data["bias"].toBool();
    std::vector<int64_t> noise_size = ctx->saved_data["noise_size"].toIntVector();
    double slope = ctx->saved_data["slope"].toDouble(), gain = ctx->saved_data["gain"].toDouble(),
           clamp = ctx->saved_data["clamp"].toDouble();
    Gradients out;
    if (at::GradMode::is_enabled()) {
      Tensor factor = at::where(y > 0, gain, gain * slope).to(grad.scalar_type());
      if (clamp > 0) factor = factor * (y.abs() < clamp).to(grad.scalar_type());
      Tensor g = grad * factor;
      out.x = scale.defined() ? g * on_pixels(scale, g) : g;
      if (scale.defined()) out.scale = (g.to(at::kFloat) * x.to(at::kFloat)).sum(at::IntArrayRef{2, 3});
      if (noisy) out.noise = g.to(at::kFloat).sum(at::IntArrayRef{1}, true);
      if (biased) out.bias = g.to(at::kFloat).sum(at::IntArrayRef{0, 2, 3});
    } else {
      Shape shape{float(slope), float(gain), float(clamp)};
      grad = grad.contiguous(at::MemoryFormat::ChannelsLast);
      out = is_bf16(y) ? run_backward<BFloat16>(x, y, grad, scale, noisy, shape)
                       : run_backward<float>(x, y, grad, scale, noisy, shape);
    }
    if (noisy) out.noise = like_shape(out.noise, noise_size);
    return {out.x, out.scale, out.noise, biased ? out.bias : Tensor(), Tensor(), Tensor(), Tensor()};
  }
};

bool ours(const Tensor &x) {
  return x.device().is_cpu() && (x.scalar_type() == at::kFloat || is_bf16(x)) && x.numel() > 0 && x.dim() == 4 &&
         x.size(1) % LANES == 0 && x.is_contiguous(at::MemoryFormat::ChannelsLast);
}
}  // namespace

extern "C" {

// gain * leaky ReLU of x * scale + noise + bias, within +-clamp where that is not 0. `scale` `[N, C]`, `noise` `[N, 1, H, W]` or
// `[H, W]`, `bias` `[C]`, all f32; each may be null. x may be overwritten if it is `spare` and no gradient is recorded.
char *gan_epilogue(const Tensor *x, const Tensor *scale, const Tensor *noise, const Tensor *bias, double slope, double gain,
                   double clamp, int spare, Tensor **result) {
  return guarded([&] {
    TORCH_CHECK(x->dim() == 4, "epilogue: images are needed, not ", x->sizes());
    auto f32 = [](const Tensor *tensor) {
      return tensor ? std::optional<Tensor>(tensor->to(at::kFloat).contiguous()) : std::nullopt;
    };
    if (ours(*x)) {
      if (scale) TORCH_CHECK(scale->numel() == x->size(0) * x->size(1), "epilogue: factors are ", scale->sizes());
      if (noise) {
        int64_t pixels = x->size(2) * x->size(3);
        TORCH_CHECK(noise->numel() == pixels || noise->numel() == x->size(0) * pixels, "epilogue: noise is ", noise->sizes());
      }
      if (bias) TORCH_CHECK(bias->numel() == x->size(1), "epilogue: a bias is ", bias->sizes());
      if (spare && !at::GradMode::is_enabled()) {
        auto given = [&](const Tensor *tensor) { return f32(tensor).value_or(Tensor()); };
        run_forward(*x, given(scale), given(noise), given(bias), {float(slope), float(gain), float(clamp)}, *x);
        *result = new Tensor(*x);
        return;
      }
      *result = new Tensor(Epilogue::apply(*x, f32(scale), f32(noise), f32(bias), slope, gain, clamp));
      return;
    }
    Tensor y = *x;
    if (scale) y = y * on_pixels(*scale, y);
    if (noise) y = y + noise->to(y.scalar_type());
    if (bias) y = y + bias->to(y.scalar_type()).view({1, -1, 1, 1});
    if (slope != 1) y = at::leaky_relu(y, slope);
    if (gain != 1) y = y * gain;
    if (clamp > 0) y = y.clamp(-clamp, clamp);
    *result = new Tensor(y);
  });
}
}
