// Convolutions whose CPU kernels in LibTorch are slow for the shapes that GANs have, as matrix products.
//
// - The gradient of a convolution with respect to an input of few channels (a discriminator's first layer), and in bf16
//   a transposed convolution to few channels (a generator's last): oneDNN pads the channels to a whole vector. Here
//   every pixel is multiplied with the kernel and the products are added up where they overlap.
// - The weight gradient in bf16 of deep layers: oneDNN's kernel is half as fast as its forward one. Here it is one
//   product of the gradient and the unfolded input.
// - Layers of 4x4 kernels and stride 2 between many channels: by minimal filtering (winograd.h), any number of times.
//
// Everything else is LibTorch's own; so is, but for the last, every gradient that is differentiated again.
#include "parallel.h"
#include "winograd.h"

#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/custom_function.h>

namespace {
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct Geometry {
  int64_t stride, padding;
};

constexpr int64_t FEW_CHANNELS = 4;
// The fewest channels for which a weight gradient in bf16 pays as a product (measured).
constexpr int64_t DEEP_CHANNELS = 128;

bool channels_last(const Tensor &x) { return x.is_contiguous(at::MemoryFormat::ChannelsLast); }

// NHWC memory as a matrix [N * H * W, C].
Tensor rows(const Tensor &x) { return x.permute({0, 2, 3, 1}).reshape({-1, x.size(1)}); }

// Columns [pixels, k * k * C] of image n, added up where they overlap: out [H, W, C] in f32.
template <class T>
void fold_image(const T *columns, float *out, at::IntArrayRef small, at::IntArrayRef large, int64_t kernel, Geometry g) {
  int64_t height = large[0], width = large[1], channels = large[2];
  std::fill(out, out + height * width * channels, 0.0f);
  for (int64_t y = 0; y < small[0]; ++y)
    for (int64_t x = 0; x < small[1]; ++x) {
      const T *pixel = columns + (y * small[1] + x) * kernel * kernel * channels;
      for (int64_t ky = 0; ky < kernel; ++ky) {
        int64_t row = y * g.stride - g.padding + ky;
        if (row < 0 || row >= height) continue;
        int64_t left = x * g.stride - g.padding;
        int64_t first = std::max<int64_t>(0, -left), last = std::min(kernel, width - left);
        float *target = out + (row * width + left + first) * channels;
        const T *source = pixel + (ky * kernel + first) * channels;
        for (int64_t i = 0; i < (last - first) * channels; ++i) target[i] += static_cast<float>(source[i]);
      }
    }
}

// x [N, I, h, w] times weight [I, C, k, k], spread out: [N, C, H, W]. All channels-last.
Tensor spread(const Tensor &x, const Tensor &weight, Geometry g, int64_t height, int64_t width) {
  int64_t count = x.size(0), channels = weight.size(1), kernel = weight.size(2);
  std::array<int64_t, 2> small{x.size(2), x.size(3)};
  std::array<int64_t, 3> large{height, width, channels};
  Tensor matrix = weight.permute({0, 2, 3, 1}).reshape({weight.size(0), -1});  // [I, k * k * C]
  Tensor input = rows(x);
  Tensor out = at::empty({count, height, width, channels}, x.options());
  int64_t pixels = small[0] * small[1];
  AT_DISPATCH_FLOATING_TYPES_AND(at::kBFloat16, x.scalar_type(), "spread", [&] {
    parallel(count, [&](int64_t n) {
      c10::NoGradGuard no_grad;
      std::vector<float> sums(height * width * channels);
      Tensor columns = at::mm(input.narrow(0, n * pixels, pixels), matrix);  // [h * w, k * k * C]
      fold_image(columns.const_data_ptr<scalar_t>(), sums.data(), small, large, kernel, g);
      std::copy(sums.begin(), sums.end(), out.data_ptr<scalar_t>() + n * sums.size());
    });
  });
  return out.permute({0, 3, 1, 2});
}

// [N, C, H, W] to what each position of a kernel sees: [N * h * w, k * k * C].
Tensor unfold(const Tensor &image, int64_t kernel, Geometry g, int64_t height, int64_t width) {
  int64_t count = image.size(0), channels = image.size(1), tall = image.size(2), wide = image.size(3);
  Tensor out = at::empty({count * height * width, kernel * kernel * channels}, image.options());
  int64_t bytes = image.element_size() * channels;
  const char *source = static_cast<const char *>(image.const_data_ptr());
  char *target = static_cast<char *>(out.data_ptr());
  parallel(count * height, [&](int64_t line) {
    for (int64_t x = 0; x < width; ++x)
      for (int64_t ky = 0; ky < kernel; ++ky) {
        int64_t row = (line % height) * g.stride - g.padding + ky, left = x * g.stride - g.padding;
        char *to = target + (((line * width + x) * kernel + ky) * kernel) * bytes;
        int64_t first = std::min(kernel, std::max<int64_t>(0, -left)), last = std::max(first, std::min(kernel, wide - left));
        if (row < 0 || row >= tall) first = last = 0;
        std::memset(to, 0, first * bytes);
        if (last > first)
          std::memcpy(to + first * bytes, source + (((line / height) * tall + row) * wide + left + first) * bytes,
                      (last - first) * bytes);
        std::memset(to + last * bytes, 0, (kernel - last) * bytes);
      }
  });
  return out;
}

// The gradient of a weight [O, C, k, k] from the small side [N, O, h, w] and the large side [N, C, H, W].
Tensor weight_gradient(const Tensor &small, const Tensor &large, int64_t kernel, Geometry g) {
  Tensor columns = unfold(large, kernel, g, small.size(2), small.size(3));
  Tensor product = at::mm(rows(small).t(), columns);  // [O, k * k * C]
  return product.view({small.size(1), kernel, kernel, large.size(1)}).permute({0, 3, 1, 2});
}

struct Convolution : torch::autograd::Function<Convolution> {
  static Tensor forward(AutogradContext *ctx, const Tensor &x, const Tensor &weight, const std::optional<Tensor> &bias,
                        int64_t stride, int64_t padding, bool transposed) {
    ctx->save_for_backward({x, weight});
    ctx->saved_data["stride"] = stride;
    ctx->saved_data["padding"] = padding;
    ctx->saved_data["transposed"] = transposed;
    ctx->saved_data["bias"] = bias && bias->defined();
    Geometry g{stride, padding};
    // In f32 outputs are LibTorch's to the last bit.
    if (transposed && x.scalar_type() == at::kBFloat16 && weight.size(1) <= FEW_CHANNELS && channels_last(x)) {
      int64_t kernel = weight.size(2);
      auto grown = [&](int64_t size) { return (size - 1) * stride - 2 * padding + kernel; };
      Tensor out = spread(x, weight, g, grown(x.size(2)), grown(x.size(3)));
      return bias && bias->defined() ? out.add_(bias->view({1, -1, 1, 1})) : out;
    }
    return at::convolution(x, weight, bias, {stride, stride}, {padding, padding}, {1, 1}, transposed, {0, 0}, 1);
  }

  static variable_list backward(AutogradContext *ctx, variable_list grads) {
    variable_list saved = ctx->get_saved_variables();
    Tensor x = saved[0], weight = saved[1], grad = grads[0];
    bool transposed = ctx->saved_data["transposed"].toBool(), has_bias = ctx->saved_data["bias"].toBool();
    Geometry g{ctx->saved_data["stride"].toInt(), ctx->saved_data["padding"].toInt()};
    std::array<bool, 3> wanted{ctx->needs_input_grad(0), ctx->needs_input_grad(1), has_bias && ctx->needs_input_grad(2)};
    Tensor for_x, for_weight;
    if (!at::GradMode::is_enabled()) {
      if (!channels_last(grad)) grad = grad.contiguous(at::MemoryFormat::ChannelsLast);
      if (wanted[0] && !transposed && weight.size(1) <= FEW_CHANNELS && channels_last(x))
        for_x = spread(grad, weight, g, x.size(2), x.size(3));
      if (wanted[1] && x.scalar_type() == at::kBFloat16 && channels_last(x) &&
          std::min(weight.size(0), weight.size(1)) >= DEEP_CHANNELS)
        for_weight = transposed ? weight_gradient(x, grad, weight.size(2), g) : weight_gradient(grad, x, weight.size(2), g);
    }
    std::array<bool, 3> rest{wanted[0] && !for_x.defined(), wanted[1] && !for_weight.defined(), wanted[2]};
    Tensor for_bias;
    if (rest[0] || rest[1] || rest[2]) {
      int64_t outputs = grad.size(1);
      auto [x2, weight2, bias2] = at::convolution_backward(
          grad, x, weight, has_bias ? at::OptionalIntArrayRef(outputs) : std::nullopt, {g.stride, g.stride},
          {g.padding, g.padding}, {1, 1}, transposed, {0, 0}, 1, rest);
      if (rest[0]) for_x = x2;
      if (rest[1]) for_weight = weight2;
      for_bias = bias2;
    }
    return {for_x, for_weight, for_bias, Tensor(), Tensor(), Tensor()};
  }
};

Tensor laid_out(const Tensor &x) { return x.contiguous(at::MemoryFormat::ChannelsLast); }

// Three products of which each has the two others as its gradients: small = gather(large, weight),
// large = spread(small, weight), weight = weight_gradient(small, large).
struct Gather : torch::autograd::Function<Gather> {
  static Tensor forward(AutogradContext *ctx, const Tensor &large, const Tensor &weight);
  static variable_list backward(AutogradContext *ctx, variable_list grads);
};
struct Spread : torch::autograd::Function<Spread> {
  static Tensor forward(AutogradContext *ctx, const Tensor &small, const Tensor &weight);
  static variable_list backward(AutogradContext *ctx, variable_list grads);
};
struct WeightGradient : torch::autograd::Function<WeightGradient> {
  static Tensor forward(AutogradContext *ctx, const Tensor &small, const Tensor &large);
  static variable_list backward(AutogradContext *ctx, variable_list grads);
};

Tensor Gather::forward(AutogradContext *ctx, const Tensor &large, const Tensor &weight) {
  ctx->save_for_backward({large, weight});
  return winograd::gather(large, weight);
}

variable_list Gather::backward(AutogradContext *ctx, variable_list grads) {
  variable_list saved = ctx->get_saved_variables();
  Tensor small = laid_out(grads[0]);
  return {ctx->needs_input_grad(0) ? Spread::apply(small, saved[1]) : Tensor(),
          ctx->needs_input_grad(1) ? WeightGradient::apply(small, saved[0]) : Tensor()};
}

Tensor Spread::forward(AutogradContext *ctx, const Tensor &small, const Tensor &weight) {
  ctx->save_for_backward({small, weight});
  return winograd::spread(small, weight);
}

variable_list Spread::backward(AutogradContext *ctx, variable_list grads) {
  variable_list saved = ctx->get_saved_variables();
  Tensor large = laid_out(grads[0]);
  return {ctx->needs_input_grad(0) ? Gather::apply(large, saved[1]) : Tensor(),
          ctx->needs_input_grad(1) ? WeightGradient::apply(saved[0], large) : Tensor()};
}

Tensor WeightGradient::forward(AutogradContext *ctx, const Tensor &small, const Tensor &large) {
  ctx->save_for_backward({small, large});
  return winograd::weight_gradient(small, large);
}

variable_list WeightGradient::backward(AutogradContext *ctx, variable_list grads) {
  variable_list saved = ctx->get_saved_variables();
  Tensor weight = laid_out(grads[0]);
  return {ctx->needs_input_grad(0) ? Gather::apply(saved[1], weight) : Tensor(),
          ctx->needs_input_grad(1) ? Spread::apply(saved[0], weight) : Tensor()};
}

// Autocast works at the dispatcher, which a custom function never meets: the casts are made here.
Tensor cast(const Tensor &x) {
  c10::DeviceType type = x.device().type();
  return at::autocast::is_autocast_enabled(type) ? at::autocast::cached_cast(at::autocast::get_autocast_dtype(type), x, type) : x;
}
}  // namespace

extern "C" {

// A convolution with one stride and one padding for both directions; `bias` may be null. Differentiable, twice.
char *gan_convolution(const Tensor *x, const Tensor *weight, const Tensor *bias, int64_t stride, int64_t padding,
                      int transposed, Tensor **result) {
  return guarded([&] {
    std::optional<Tensor> offset;
    if (bias) offset = cast(*bias);
    Tensor input = cast(*x), kernel = cast(*weight);
    c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
    if (winograd::pays(input, transposed != 0, kernel, stride, padding)) {
      Tensor out = transposed ? Spread::apply(input, kernel) : Gather::apply(input, kernel);
      *result = new Tensor(offset ? out.add_(offset->view({1, -1, 1, 1})) : out);
      return;
    }
    *result = new Tensor(Convolution::apply(input, kernel, offset, stride, padding, transposed != 0));
  });
}
}
