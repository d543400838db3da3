// Images sampled anywhere, bilinearly, with zeros around them. LibTorch has no derivative of its own gradient, which penalties
// on the discriminator's gradient need behind a warp (Karras et al. 2020). Sampling is linear in the image: its gradient
// spreads what it is given over the pixels, and the gradient of that samples again, so that there are any number of them.
#include "shim.h"

#include <ATen/ops/grid_sampler_2d.h>
#include <ATen/ops/grid_sampler_2d_backward.h>
#include <torch/csrc/autograd/custom_function.h>

namespace {
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t BILINEAR = 0, ZEROS = 0;

struct Spread : torch::autograd::Function<Spread> {
  static Tensor forward(AutogradContext *ctx, const Tensor &grad, const Tensor &grid, const std::vector<int64_t> &size);
  static variable_list backward(AutogradContext *ctx, variable_list grads);
};

struct Sample : torch::autograd::Function<Sample> {
  static Tensor forward(AutogradContext *ctx, const Tensor &images, const Tensor &grid) {
    ctx->saved_data["grid"] = grid;
    ctx->saved_data["size"] = images.sizes().vec();
    return at::grid_sampler_2d(images, grid, BILINEAR, ZEROS, /*align_corners=*/false);
  }

  static variable_list backward(AutogradContext *ctx, variable_list grads) {
    std::vector<int64_t> size = ctx->saved_data["size"].toIntVector();
    return {Spread::apply(grads[0], ctx->saved_data["grid"].toTensor(), size), Tensor()};
  }
};

Tensor Spread::forward(AutogradContext *ctx, const Tensor &grad, const Tensor &grid, const std::vector<int64_t> &size) {
  ctx->saved_data["grid"] = grid;
  // Of the images only their size counts where the gradient of the grid is not asked for.
  Tensor images = at::empty({1}, grad.options()).expand(size);
  return std::get<0>(at::grid_sampler_2d_backward(grad, images, grid, BILINEAR, ZEROS, /*align_corners=*/false,
                                                  /*output_mask=*/{true, false}));
}

variable_list Spread::backward(AutogradContext *ctx, variable_list grads) {
  return {Sample::apply(grads[0], ctx->saved_data["grid"].toTensor()), Tensor(), Tensor()};
}
}  // namespace

extern "C" {

// `images` `[N, C, H, W]`, `grid` `[N, H', W', 2]` of x and y in [-1, 1] from edge to edge, a constant.
char *gan_sample(const Tensor *images, const Tensor *grid, Tensor **result) {
  return guarded([&] { *result = new Tensor(Sample::apply(*images, grid->detach())); });
}
}
