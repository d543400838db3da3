// Convolutions whose CPU kernels in LibTorch are slow for the shapes that GANs have, as matrix products.
//
// - The gradient of a convolution with respect to an input of few channels (a discriminator's first layer), and in bf16
//   a transposed convolution to few channels (a generator's last): oneDNN pads the channels to a whole vector. Here
//   every pixel is multiplied with the kernel and the products are added up where they overlap.
// - The weight gradient in bf16 of deep layers: oneDNN's kernel is half as fast as its forward one. Here it is one
//   product of the gradient and the unfolded input.
// - Layers of 4x4 kernels and stride 2, and of 3x3 kernels and stride 1, between many channels: by minimal filtering
//   (winograd.h, winograd_3x3.h), any number of times.
// - Layers of stride 1 to few channels, a translator's last, and back (few_channels.h), any number of times.
//
// Everything else is LibTorch's own, on a GPU all of it; so is, but for the last, every gradient that is differentiated again.
#include "bilinear.h"
#include "few_channels.h"
#include "parallel.h"
#include "winograd.h"
#include "winograd_3x3.h"

#include <ATen/autocast_mode.h>

namespace {
using bilinear::Window;
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
  if (g.stride == 1 && height == x.size(2) - 2 * g.padding + weight.size(2) - 1) {
    // The same as gathered by the kernel turned round.
    Border border{weight.size(2) - 1 - g.padding, false};
    Tensor turned = weight.flip({2, 3}).transpose(0, 1).contiguous(at::MemoryFormat::ChannelsLast);
    if (few_channels::pays(x, turned, border)) return few_channels::gather(x, turned, std::nullopt, border);
  }
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
                        int64_t stride, int64_t padding, bool transposed, int64_t output_padding) {
    ctx->save_for_backward({x, weight});
    ctx->saved_data["stride"] = stride;
    ctx->saved_data["padding"] = padding;
    ctx->saved_data["transposed"] = transposed;
    ctx->saved_data["output_padding"] = output_padding;
    ctx->saved_data["bias"] = bias && bias->defined();
    Geometry g{stride, padding};
    // In f32 outputs are LibTorch's to the last bit.
    if (transposed && x.scalar_type() == at::kBFloat16 && weight.size(1) <= FEW_CHANNELS && channels_last(x)) {
      int64_t kernel = weight.size(2);
      auto grown = [&](int64_t size) { return (size - 1) * stride - 2 * padding + kernel + output_padding; };
      Tensor out = spread(x, weight, g, grown(x.size(2)), grown(x.size(3)));
      return bias && bias->defined() ? out.add_(bias->view({1, -1, 1, 1})) : out;
    }
    return at::convolution(x, weight, bias, {stride, stride}, {padding, padding}, {1, 1}, transposed,
                           {output_padding, output_padding}, 1);
  }

  static variable_list backward(AutogradContext *ctx, variable_list grads) {
    variable_list saved = ctx->get_saved_variables();
    Tensor x = saved[0], weight = saved[1], grad = grads[0];
    bool transposed = ctx->saved_data["transposed"].toBool(), has_bias = ctx->saved_data["bias"].toBool();
    Geometry g{ctx->saved_data["stride"].toInt(), ctx->saved_data["padding"].toInt()};
    int64_t output_padding = ctx->saved_data["output_padding"].toInt();
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
    // oneDNN makes the bias's gradient together with the weight's, wanted or not, and a transposed convolution's one by one.
    Tensor for_bias;
    if (wanted[2] && (for_weight.defined() || (transposed && x.scalar_type() == at::kBFloat16))) for_bias = grad.sum({0, 2, 3});
    std::array<bool, 3> rest{wanted[0] && !for_x.defined(), wanted[1] && !for_weight.defined(), wanted[2] && !for_bias.defined()};
    if (rest[0] || rest[1] || rest[2]) {
      int64_t outputs = grad.size(1);
      auto [x2, weight2, bias2] = at::convolution_backward(
          grad, x, weight, has_bias ? at::OptionalIntArrayRef(outputs) : std::nullopt, {g.stride, g.stride},
          {g.padding, g.padding}, {1, 1}, transposed, {output_padding, output_padding}, 1, rest);
      if (rest[0]) for_x = x2;
      if (rest[1]) for_weight = weight2;
      if (rest[2]) for_bias = bias2;
    }
    return {for_x, for_weight, for_bias, Tensor(), Tensor(), Tensor(), Tensor()};
  }
};

// A border of mirrored pixels. On a GPU LibTorch adds up their gradients in the order in which its threads happen to arrive;
// here they are folded back line by line.
struct Mirror : torch::autograd::Function<Mirror> {
  static Tensor forward(AutogradContext *ctx, const Tensor &x, int64_t border) {
    ctx->saved_data["border"] = border;
    return at::reflection_pad2d(x, {border, border, border, border});
  }

  static Tensor fold(const Tensor &grad, int64_t dim, int64_t border) {
    int64_t size = grad.size(dim) - 2 * border;
    Tensor out = grad.narrow(dim, border, size).clone();
    out.narrow(dim, 1, border).add_(grad.narrow(dim, 0, border).flip(dim));
    out.narrow(dim, size - 1 - border, border).add_(grad.narrow(dim, border + size, border).flip(dim));
    return out;
  }

  static variable_list backward(AutogradContext *ctx, variable_list grads) {
    int64_t border = ctx->saved_data["border"].toInt();
    return {fold(fold(grads[0], 2, border), 3, border), Tensor()};
  }
};

// Kernels of 4x4, stride 2, a border of one zero.
struct Halving {
  static Tensor gather(const Tensor &large, const Tensor &weight, const std::optional<Tensor> &bias, const Window &) {
    Tensor out = winograd::gather(large, weight);
    return bias ? out.add_(bias->view({1, -1, 1, 1})) : out;
  }
  static Tensor spread(const Tensor &small, const Tensor &weight, const Window &) { return winograd::spread(small, weight); }
  static Tensor weight_gradient(const Tensor &small, const Tensor &large, const Window &) {
    return winograd::weight_gradient(small, large);
  }
};

// Kernels of 3x3, stride 1.
struct Keeping {
  static Tensor gather(const Tensor &large, const Tensor &weight, const std::optional<Tensor> &bias, const Window &window) {
    return winograd3x3::gather(large, weight, bias, window.border);
  }
  static Tensor spread(const Tensor &small, const Tensor &weight, const Window &window) {
    return winograd3x3::spread(small, weight, window.border, window.height, window.width);
  }
  static Tensor weight_gradient(const Tensor &small, const Tensor &large, const Window &window) {
    return winograd3x3::weight_gradient(small, large, window.border);
  }
};

// Kernels of stride 1 to few channels.
struct Few {
  static Tensor gather(const Tensor &large, const Tensor &weight, const std::optional<Tensor> &bias, const Window &window) {
    return few_channels::gather(large, weight, bias, window.border);
  }
  static Tensor spread(const Tensor &small, const Tensor &weight, const Window &window) {
    return few_channels::spread(small, weight, window.border, window.height, window.width);
  }
  static Tensor weight_gradient(const Tensor &small, const Tensor &large, const Window &window) {
    return few_channels::weight_gradient(small, large, window.border);
  }
};

// Autocast works at the dispatcher, which a custom function never meets: the casts are made here.
Tensor cast(const Tensor &x) {
  c10::DeviceType type = x.device().type();
  return at::autocast::is_autocast_enabled(type) ? at::autocast::cached_cast(at::autocast::get_autocast_dtype(type), x, type) : x;
}
}  // namespace

extern "C" {

// A convolution with one stride and one padding for both directions, of zeros or a reflection; `bias` may be null. A
// transposed one has the pixels of `output_padding` more on its right and lower sides. Differentiable, twice.
char *gan_convolution(const Tensor *x, const Tensor *weight, const Tensor *bias, int64_t stride, int64_t padding, int reflects,
                      int transposed, int64_t output_padding, Tensor **result) {
  return guarded([&] {
    std::optional<Tensor> offset;
    if (bias) offset = cast(*bias);
    Tensor input = cast(*x), kernel = cast(*weight);
    c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
    Border border{padding, reflects != 0};
    TORCH_CHECK(input.dim() == 4, "convolution: images are needed, not ", input.sizes());
    Window around{border, input.size(2), input.size(3)};
    if (stride == 1 && !transposed && winograd3x3::pays(input, kernel, border)) {
      *result = new Tensor(bilinear::Gather<Keeping>::apply(input, kernel, offset, around));
      return;
    }
    if (stride == 1 && !transposed && few_channels::pays(input, kernel, border)) {
      *result = new Tensor(bilinear::Gather<Few>::apply(input, kernel, offset, around));
      return;
    }
    bool on_cpu = input.device().is_cpu();
    if (reflects) {
      input = on_cpu ? at::reflection_pad2d(input, {padding, padding, padding, padding}) : Mirror::apply(input, padding);
      padding = 0;
    }
    if (!on_cpu) {
      *result = new Tensor(at::convolution(input, kernel, offset, {stride, stride}, {padding, padding}, {1, 1}, transposed != 0,
                                           {output_padding, output_padding}, 1));
      return;
    }
    if (output_padding == 0 && winograd::pays(input, transposed != 0, kernel, stride, padding)) {
      int64_t grown = transposed ? 2 : 1;
      Window window{{padding, false}, grown * input.size(2), grown * input.size(3)};
      Tensor out = transposed ? bilinear::Spread<Halving>::apply(input, kernel, window)
                              : bilinear::Gather<Halving>::apply(input, kernel, offset, window);
      *result = new Tensor(transposed && offset ? out.add_(offset->view({1, -1, 1, 1})) : out);
      return;
    }
    *result = new Tensor(Convolution::apply(input, kernel, offset, stride, padding, transposed != 0, output_padding));
  });
}
}
