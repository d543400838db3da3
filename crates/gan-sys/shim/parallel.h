// Work on LibTorch's own threads.
#pragma once
#include "shim.h"

#include <ATen/Parallel.h>
#include <ATen/TensorIterator.h>
#include <ATen/ops/arange.h>

// Calls body(task) for every task in [0, count), spread over LibTorch's threads; the division into tasks does not depend
// on how many there are. `at::parallel_for` is a template, and without this compiler's OpenMP a loop of one thread.
template <class Body>
void parallel(int64_t count, const Body &body) {
  if (count == 1 || at::get_num_threads() == 1) {  // Small networks have many small loops.
    for (int64_t task = 0; task < count; ++task) body(task);
    return;
  }
  at::Tensor tasks = at::arange(count, at::kLong);
  at::TensorIterator::nullary_op(tasks).for_each(
      [&](char **data, const int64_t *strides, int64_t some) {
        for (int64_t i = 0; i < some; ++i) body(*reinterpret_cast<const int64_t *>(data[0] + i * strides[0]));
      },
      /*grain_size=*/1);
}
