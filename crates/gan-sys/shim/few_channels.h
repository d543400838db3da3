// Convolutions of stride 1 to few channels, such as the last layer of a translator, on the CPU in f32 and bf16.
#pragma once
#include "border.h"
#include "shim.h"

namespace few_channels {
// A convolution goes from `large` [N, L, H, W] with a border to `small` [N, S, h, w] by a weight [S, L, k, k] of few S.
// Whether these functions take tensors like that (all channels-last), and are faster than LibTorch's.
bool pays(const Tensor &large, const Tensor &weight, const Border &border);

Tensor gather(const Tensor &large, const Tensor &weight, const std::optional<Tensor> &bias, const Border &border);  // to small
Tensor spread(const Tensor &small, const Tensor &weight, const Border &border, int64_t height, int64_t width);      // to large
Tensor weight_gradient(const Tensor &small, const Tensor &large, const Border &border);                             // to weight
}  // namespace few_channels
