// Convolutions of 4x4 kernels with stride 2 and padding 1 by Winograd's minimal filtering, on the CPU in f32 and bf16.
#pragma once
#include "shim.h"

namespace winograd {
// A convolution goes from `large` [N, L, 2h, 2w] to `small` [N, S, h, w] by a weight [S, L, 4, 4]; a transposed one goes back.
// Whether these functions take tensors like that (all channels-last), and are faster than LibTorch's.
bool pays(const Tensor &small_or_large, bool is_small, const Tensor &weight, int64_t stride, int64_t padding);

Tensor gather(const Tensor &large, const Tensor &weight);          // to small
Tensor spread(const Tensor &small, const Tensor &weight);          // to large
Tensor weight_gradient(const Tensor &small, const Tensor &large);  // to weight
}  // namespace winograd
