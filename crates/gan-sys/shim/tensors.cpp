// Operations over lists of tensors, memory formats, and operations that tch binds without their arguments.
#include "shim.h"

namespace {
// The fused kernels walk raw memory: a gradient must lie as its parameter does, and convolutions on
// channels-last images return theirs in NHWC order.
std::vector<Tensor> laid_out_like(const std::vector<Tensor> &params, std::vector<Tensor> grads) {
  for (size_t i = 0; i < grads.size(); ++i) {
    if (grads[i].strides() != params[i].strides()) grads[i] = at::empty_like(params[i]).copy_(grads[i]);
  }
  return grads;
}

}  // namespace

extern "C" {

void gan_free(char *text) { free(text); }

// One fused kernel moves all parameters. `steps` are f32 scalar tensors; `found_inf` may be null, else
// a f32 scalar: where it is 1 the kernel leaves everything as it was.
char *gan_fused_adam(Tensor *const *params, Tensor *const *grads, Tensor *const *exp_avgs, Tensor *const *exp_avg_sqs,
                     Tensor *const *steps, size_t count, double lr, double beta1, double beta2, double weight_decay,
                     double eps, const Tensor *found_inf) {
  return guarded([&] {
    c10::NoGradGuard no_grad;
    std::optional<Tensor> found;
    if (found_inf) found = *found_inf;
    std::vector<Tensor> moved = list(params, count), gradients = list(grads, count);
    for (size_t i = 0; i < count; ++i) {
      const Tensor &param = moved[i], &first = *exp_avgs[i], &second = *exp_avg_sqs[i];
      TORCH_CHECK(gradients[i].sizes() == param.sizes() && first.sizes() == param.sizes() && second.sizes() == param.sizes(),
                  "fused Adam: tensors ", i, " differ in shape");
      TORCH_CHECK(param.is_non_overlapping_and_dense() && first.strides() == param.strides() &&
                      second.strides() == param.strides() && steps[i]->numel() == 1,
                  "fused Adam: tensors ", i, " differ in layout");
    }
    at::_fused_adam_(moved, laid_out_like(moved, std::move(gradients)), list(exp_avgs, count), list(exp_avg_sqs, count),
                     /*max_exp_avg_sqs=*/{}, list(steps, count), lr, beta1, beta2, weight_decay, eps, /*amsgrad=*/false,
                     /*maximize=*/false, /*grad_scale=*/std::nullopt, found);
  });
}

char *gan_foreach_lerp(Tensor *const *self, Tensor *const *end, size_t count, double weight) {
  return guarded([&] {
    c10::NoGradGuard no_grad;
    at::_foreach_lerp_(list(self, count), list(end, count), weight);
  });
}

char *gan_foreach_copy(Tensor *const *self, Tensor *const *source, size_t count) {
  return guarded([&] {
    c10::NoGradGuard no_grad;
    at::_foreach_copy_(list(self, count), list(source, count));
  });
}

char *gan_foreach_add(Tensor *const *self, Tensor *const *other, size_t count, double alpha) {
  return guarded([&] {
    c10::NoGradGuard no_grad;
    at::_foreach_add_(list(self, count), list(other, count), alpha);
  });
}

char *gan_foreach_mul(Tensor *const *self, size_t count, const Tensor *factor) {
  return guarded([&] {
    c10::NoGradGuard no_grad;
    at::_foreach_mul_(list(self, count), *factor);
  });
}

// *norm becomes the L2 norm over all tensors together, a scalar tensor on their device.
char *gan_total_norm(Tensor *const *tensors, size_t count, Tensor **norm) {
  return guarded([&] {
    c10::NoGradGuard no_grad;
    std::vector<Tensor> norms = at::_foreach_norm(list(tensors, count), 2);
    *norm = new Tensor(at::stack(norms).norm());
  });
}

// Sets the f32 scalar `found_inf` to 1 if any value of any tensor is not finite; else leaves it.
char *gan_non_finite(Tensor *const *tensors, size_t count, Tensor *found_inf) {
  return guarded([&] {
    c10::NoGradGuard no_grad;
    Tensor one = at::ones({1}, found_inf->options());
    at::_amp_foreach_non_finite_check_and_unscale_(list(tensors, count), *found_inf, one);
  });
}

// Where a dimension is 1 both orders are the same memory, and kernels go by the strides alone: those are made NHWC's.
char *gan_channels_last(const Tensor *self, Tensor **result) {
  return guarded([&] {
    Tensor laid_out = self->contiguous(at::MemoryFormat::ChannelsLast);
    if (laid_out.suggest_memory_format() != at::MemoryFormat::ChannelsLast)
      laid_out = laid_out.as_strided(laid_out.sizes(), c10::get_channels_last_strides_2d(laid_out.sizes()));
    *result = new Tensor(laid_out);
  });
}

int gan_is_channels_last(const Tensor *self) {
  return self->suggest_memory_format() == at::MemoryFormat::ChannelsLast &&
         self->is_contiguous(at::MemoryFormat::ChannelsLast);
}

// In place, differentiable: slope * x below 0.
char *gan_leaky_relu(Tensor *self, double slope) {
  return guarded([&] { at::leaky_relu_(*self, slope); });
}
}
