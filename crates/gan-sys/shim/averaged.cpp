// A mean over the processes that train together, with its gradient. How they tell each other is the caller's business: a
// function that replaces a tensor by its mean over all of them.
#include "shim.h"

#include <torch/csrc/autograd/custom_function.h>

namespace {
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct Mean : torch::CustomClassHolder {
  using Call = char *(*)(void *, Tensor *);
  using Release = void (*)(void *);

  Mean(void *context, Call call, Release release) : context(context), call(call), release(release) {}
  ~Mean() override { release(context); }

  Tensor of(const Tensor &x) const {
    Tensor mean = x.detach().clone(at::MemoryFormat::Contiguous);
    if (char *failure = call(context, new Tensor(mean))) {
      std::string text(failure);
      free(failure);
      TORCH_CHECK(false, text);
    }
    return mean;
  }

  void *context;
  Call call;
  Release release;
};

// Every process takes the mean of what all of them made of it as the gradient: that is the gradient of the mean of their
// losses, once the gradients of parameters are averaged, as they are.
struct Averaged : torch::autograd::Function<Averaged> {
  static Tensor forward(AutogradContext *ctx, const Tensor &x, const c10::intrusive_ptr<Mean> &mean) {
    ctx->saved_data["mean"] = c10::IValue::make_capsule(mean);
    return mean->of(x);
  }

  static variable_list backward(AutogradContext *ctx, variable_list grads) {
    auto mean = c10::static_intrusive_pointer_cast<Mean>(ctx->saved_data["mean"].toCapsule());
    return {Averaged::apply(grads[0], mean), Tensor()};
  }
};
}  // namespace

extern "C" {

// `call` owns the tensor that it is given and changes it in place; it returns null or a message from gan_copy_text. The
// context is given to `release` when nothing needs it any more, whether or not this succeeds.
char *gan_averaged(const Tensor *x, void *context, char *(*call)(void *, Tensor *), void (*release)(void *), Tensor **result) {
  return guarded([&] {
    auto mean = c10::make_intrusive<Mean>(context, call, release);
    *result = new Tensor(Averaged::apply(*x, mean));
  });
}

char *gan_copy_text(const char *text) { return strdup(text); }
}
