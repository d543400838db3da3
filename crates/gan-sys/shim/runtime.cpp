// Autocast with a chosen dtype, CUDA found at run time, the allocator, what the CPU can do, who reads tensors.
#include "shim.h"

#include <ATen/Context.h>
#include <ATen/Version.h>
#include <ATen/autocast_mode.h>
#include <ATen/record_function.h>
#include <set>
#include <string>
#ifndef _WIN32
#include <dlfcn.h>
#endif
#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace {
// Operations whose result the host waits for: a value, or a shape that depends on values.
const std::set<std::string> waiting = {"aten::_local_scalar_dense", "aten::equal",   "aten::nonzero",
                                       "aten::masked_select",       "aten::_unique2", "aten::unique_consecutive"};
// The CPU kernel of fused Adam reads its step counts, which lie on the host anyway.
const std::string reads_for_itself = "aten::_fused_adam_";
thread_local std::string host_reads;
thread_local int inside = 0;

struct Inside : at::ObserverContext {};

std::unique_ptr<at::ObserverContext> enter(const at::RecordFunction &function) {
  std::string name = function.name();
  if (name == reads_for_itself) {
    ++inside;
    return std::make_unique<Inside>();
  }
  bool waits = waiting.count(name) > 0;
  if (name == "aten::copy_") {
    try {
      auto inputs = function.inputs();
      waits = inputs.size() >= 2 && inputs[0].isTensor() && inputs[1].isTensor() && inputs[0].toTensor().is_cpu() &&
              !inputs[1].toTensor().is_cpu();
    } catch (const c10::Error &) {
      // LibTorch did not box the inputs of this call.
    }
  }
  if (waits && inside == 0) host_reads += name + "\n";
  return nullptr;
}

void leave(const at::RecordFunction &, at::ObserverContext *context) {
  if (context) --inside;
}
}  // namespace

extern "C" {

// Notes what this thread reads from tensors, from now on.
char *gan_host_reads_begin(uint64_t *handle) {
  return guarded([&] {
    host_reads.clear();
    auto callback = at::RecordFunctionCallback(enter, leave).needsInputs(true).scopes({at::RecordScope::FUNCTION});
    *handle = at::addThreadLocalCallback(callback);
  });
}

// Names of the operations, one a line.
char *gan_host_reads_end(uint64_t handle) {
  at::removeCallback(handle);
  return strdup(host_reads.c_str());
}

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

// Of cuDNN's kernels only those that give the same bits every time.
void gan_same_bits_on_cuda() { at::globalContext().setDeterministicCuDNN(true); }

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
