// Generator states, and draws from generators keyed by a seed of their own.
#include "shim.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>

namespace {
at::Generator default_generator(Device device) { return at::globalContext().defaultGenerator(device); }

// The engine takes 32 bits of a seed; its state is filled from all 64 (SplitMix64), so that keys do not collide.
at::mt19937 engine_from(uint64_t seed) {
  at::mt19937_data_pod data{};
  data.seed_ = seed;
  data.left_ = 1;
  data.seeded_ = true;
  data.next_ = 0;
  uint64_t counter = seed;
  for (uint32_t &word : data.state_) {
    uint64_t z = counter += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    word = static_cast<uint32_t>((z ^ (z >> 31)) >> 32);
  }
  at::mt19937 engine;
  engine.set_data(data);
  return engine;
}

at::Generator keyed_generator(Device device, uint64_t seed) {
  if (device.is_cpu()) {
    at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
    at::check_generator<at::CPUGeneratorImpl>(generator)->set_engine(engine_from(seed));
    return generator;
  }
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
    if (device < 0) at::check_generator<at::CPUGeneratorImpl>(generator)->set_engine(engine_from(seed));
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
