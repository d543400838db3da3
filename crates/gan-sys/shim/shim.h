// The C ABI of gan-sys. Tensors travel as `at::Tensor *`, as in torch-sys; every function that can
// fail returns null or a malloc'ed message which the caller frees with gan_free.
#pragma once
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <vector>

using Tensor = at::Tensor;
using Device = c10::Device;

template <class Body>
char *guarded(Body body) noexcept {
  try {
    body();
    return nullptr;
  } catch (const c10::Error &error) {
    return strdup(error.what_without_backtrace());
  } catch (const std::exception &error) {
    return strdup(error.what());
  } catch (...) {
    return strdup("unknown C++ exception");
  }
}

inline std::vector<Tensor> list(Tensor *const *tensors, size_t count) {
  std::vector<Tensor> result;
  result.reserve(count);
  for (size_t i = 0; i < count; ++i) result.push_back(*tensors[i]);
  return result;
}

// tch's numbering: -1 is the CPU, n >= 0 is cuda:n.
inline Device device_from(int index) {
  return index < 0 ? Device(c10::kCPU) : Device(c10::kCUDA, static_cast<c10::DeviceIndex>(index));
}
