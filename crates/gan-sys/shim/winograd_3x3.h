// Convolutions of 3x3 kernels with stride 1 by Winograd's minimal filtering, on the CPU in f32 and bf16.
#pragma once
#include "border.h"
#include "shim.h"

namespace winograd3x3 {
// A convolution goes from `large` [N, L, H, W] with a border to `small` [N, S, H + 2 border - 2, W + 2 border - 2] by a weight
// [S, L, 3, 3]. Whether these functions take tensors like that (all channels-last), and are faster than LibTorch's.
bool pays(const Tensor &large, const Tensor &weight, const Border &border);

Tensor gather(const Tensor &large, const Tensor &weight, const std::optional<Tensor> &bias, const Border &border);  // to small
Tensor spread(const Tensor &small, const Tensor &weight, const Border &border, int64_t height, int64_t width);      // to large
Tensor weight_gradient(const Tensor &small, const Tensor &large, const Border &border);                             // to weight
}  // namespace winograd3x3
