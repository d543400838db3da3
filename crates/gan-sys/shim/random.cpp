// Generator states, and draws from generators keyed by a seed of their own.
#include "shim.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>

namespace {
at::Generator default_generator(Device device) { return at::globalContext().defaultGenerator(device); }

at::Generator keyed_generator(Device device, uint64_t seed) {
  if (device.is_cpu()) return at::make_generator<at::CPUGeneratorImpl>(seed);
  at::Generator generator = at::globalContext().getAcceleratorHooksInterface(device.type()).getNewGenerator(device.index());
  generator.set_current_seed(seed);
  return generator;
}
}  // namespace

extern "C" {

char *gan_generator_get_state(int device, Tensor **state) {
  return guarded([&] {
    at::Generator generator = default_generator(device_from(device));
    std::lock_guard<std::mutex> lock(generator.mutex());
    *state = new Tensor(generator.get_state());
  });
}

char *gan_generator_set_state(int device, const Tensor *state) {
  return guarded([&] {
    at::Generator generator = default_generator(device_from(device));
    std::lock_guard<std::mutex> lock(generator.mutex());
    generator.set_state(*state);
  });
}

char *gan_generator_seed(int device, uint64_t seed) {
  return guarded([&] {
    at::Generator generator = default_generator(device_from(device));
    std::lock_guard<std::mutex> lock(generator.mutex());
    generator.set_current_seed(seed);
  });
}

// kind: 0 standard normal, 1 uniform in [0, 1). f32.
char *gan_keyed_draw(int kind, const int64_t *shape, size_t dims, uint64_t seed, int device, Tensor **result) {
  return guarded([&] {
    Device where = device_from(device);
    at::Generator generator = keyed_generator(where, seed);
    at::TensorOptions options = at::TensorOptions().dtype(at::kFloat).device(where);
    at::IntArrayRef size(shape, dims);
    *result = new Tensor(kind == 0 ? at::randn(size, generator, options) : at::rand(size, generator, options));
  });
}

char *gan_keyed_integers(int64_t high, const int64_t *shape, size_t dims, uint64_t seed, int device, Tensor **result) {
  return guarded([&] {
    Device where = device_from(device);
    at::Generator generator = keyed_generator(where, seed);
    at::TensorOptions options = at::TensorOptions().dtype(at::kLong).device(where);
    *result = new Tensor(at::randint(high, at::IntArrayRef(shape, dims), generator, options));
  });
}
}
