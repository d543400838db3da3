// Autocast with a chosen dtype, CUDA found at run time, the allocator, what the CPU can do.
#include "shim.h"

#include <ATen/Context.h>
#include <ATen/Version.h>
#include <ATen/autocast_mode.h>
#ifndef _WIN32
#include <dlfcn.h>
#endif
#ifdef __GLIBC__
#include <malloc.h>
#endif

extern "C" {

// Enters autocast on a device kind (0 CPU, 1 CUDA) with a dtype (0 bf16, 1 f16, -1 off); *before receives what to give back.
char *gan_autocast_enter(int kind, int dtype, int *before) {
  return guarded([&] {
    c10::DeviceType type = kind == 0 ? c10::kCPU : c10::kCUDA;
    // On or off, and the dtype that a scope around this one chose.
    *before = (at::autocast::is_autocast_enabled(type) ? 1 : 0) | static_cast<int>(at::autocast::get_autocast_dtype(type)) << 1;
    if (dtype >= 0) at::autocast::set_autocast_dtype(type, dtype == 0 ? at::kBFloat16 : at::kHalf);
    at::autocast::set_autocast_enabled(type, dtype >= 0);
    at::autocast::increment_nesting();
  });
}

char *gan_autocast_leave(int kind, int before) {
  return guarded([&] {
    c10::DeviceType type = kind == 0 ? c10::kCPU : c10::kCUDA;
    // The cache holds casts of weights: stale after an optimiser step.
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    at::autocast::set_autocast_dtype(type, static_cast<at::ScalarType>(before >> 1));
    at::autocast::set_autocast_enabled(type, before & 1);
  });
}

// Loads libtorch_cuda, which registers the CUDA kernels. A message says why it could not.
char *gan_load_cuda() {
#ifdef _WIN32
  return strdup("loading CUDA at run time is not supported on Windows");
#else
  static char *failure = [] {
    return dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) ? nullptr : strdup(dlerror());
  }();
  return failure ? strdup(failure) : nullptr;
#endif
}

int gan_cuda_device_count() {
  try {
    return at::globalContext().hasCUDA() ? static_cast<int>(at::detail::getCUDAHooks().deviceCount()) : 0;
  } catch (...) {
    return 0;
  }
}

// glibc returns large blocks to the system on every free; training asks for the same blocks again a
// millisecond later and pays page faults each time. 1 = tuned, 0 = not glibc, nothing done.
int gan_keep_memory() {
#ifdef __GLIBC__
  return mallopt(M_MMAP_MAX, 0) && mallopt(M_TRIM_THRESHOLD, 2147483647) && mallopt(M_TOP_PAD, 64 << 20);
#else
  return 0;
#endif
}

char *gan_cpu_capability() { return strdup(at::get_cpu_capability().c_str()); }
}
