// Autograd for convolutions whose forward pass and both gradients are kernels of our own. These are three products of which
// each has the two others as its gradients, so that any number of derivatives is made of them.
#pragma once
#include "border.h"
#include "shim.h"

#include <torch/csrc/autograd/custom_function.h>

namespace bilinear {
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// What of the large side the small one sees.
struct Window {
  Border border;
  int64_t height, width;  // of the large side

  void save(AutogradContext *ctx) const {
    ctx->saved_data["border"] = border.size;
    ctx->saved_data["reflects"] = border.reflects;
    ctx->saved_data["height"] = height;
    ctx->saved_data["width"] = width;
  }
  static Window saved(AutogradContext *ctx) {
    return {{ctx->saved_data["border"].toInt(), ctx->saved_data["reflects"].toBool()},
            ctx->saved_data["height"].toInt(),
            ctx->saved_data["width"].toInt()};
  }
};

inline Tensor laid_out(const Tensor &x) { return x.contiguous(at::MemoryFormat::ChannelsLast); }

// `Kernels` has the functions gather(large, weight, bias, window) to small, spread(small, weight, window) to large, and
// weight_gradient(small, large, window). They take and give channels-last tensors.
template <class Kernels>
struct Gather : torch::autograd::Function<Gather<Kernels>> {
  static Tensor forward(AutogradContext *ctx, const Tensor &large, const Tensor &weight, const std::optional<Tensor> &bias,
                        const Window &window) {
    ctx->save_for_backward({large, weight});
    window.save(ctx);
    ctx->saved_data["bias"] = bias.has_value();
    return Kernels::gather(large, weight, bias, window);
  }
  static variable_list backward(AutogradContext *ctx, variable_list grads);
};

template <class Kernels>
struct Spread : torch::autograd::Function<Spread<Kernels>> {
  static Tensor forward(AutogradContext *ctx, const Tensor &small, const Tensor &weight, const Window &window) {
    ctx->save_for_backward({small, weight});
    window.save(ctx);
    return Kernels::spread(small, weight, window);
  }
  static variable_list backward(AutogradContext *ctx, variable_list grads);
};

template <class Kernels>
struct WeightGradient : torch::autograd::Function<WeightGradient<Kernels>> {
  static Tensor forward(AutogradContext *ctx, const Tensor &small, const Tensor &large, const Window &window) {
    ctx->save_for_backward({small, large});
    window.save(ctx);
    return Kernels::weight_gradient(small, large, window);
  }
  static variable_list backward(AutogradContext *ctx, variable_list grads);
};

template <class Kernels>
variable_list Gather<Kernels>::backward(AutogradContext *ctx, variable_list grads) {
  variable_list saved = ctx->get_saved_variables();
  Window window = Window::saved(ctx);
  Tensor small = laid_out(grads[0]);
  bool bias = ctx->saved_data["bias"].toBool() && ctx->needs_input_grad(2);
  return {ctx->needs_input_grad(0) ? Spread<Kernels>::apply(small, saved[1], window) : Tensor(),
          ctx->needs_input_grad(1) ? WeightGradient<Kernels>::apply(small, saved[0], window) : Tensor(),
          bias ? small.sum({0, 2, 3}) : Tensor(), Tensor()};
}

template <class Kernels>
variable_list Spread<Kernels>::backward(AutogradContext *ctx, variable_list grads) {
  variable_list saved = ctx->get_saved_variables();
  Window window = Window::saved(ctx);
  Tensor large = laid_out(grads[0]);
  return {ctx->needs_input_grad(0) ? Gather<Kernels>::apply(large, saved[1], std::nullopt, window) : Tensor(),
          ctx->needs_input_grad(1) ? WeightGradient<Kernels>::apply(saved[0], large, window) : Tensor(), Tensor()};
}

template <class Kernels>
variable_list WeightGradient<Kernels>::backward(AutogradContext *ctx, variable_list grads) {
  variable_list saved = ctx->get_saved_variables();
  Window window = Window::saved(ctx);
  Tensor weight = laid_out(grads[0]);
  return {ctx->needs_input_grad(0) ? Gather<Kernels>::apply(saved[1], weight, std::nullopt, window) : Tensor(),
          ctx->needs_input_grad(1) ? Spread<Kernels>::apply(saved[0], weight, window) : Tensor(), Tensor()};
}
}  // namespace bilinear
