// What lies around an image.
#pragma once
#include <cstdint>

struct Border {
  int64_t size;  // pixels on every side
  bool reflects; // the pixels inside, mirrored at the outermost; otherwise zeros

  // The row (or column) of an image of `count` that lies at `place`, counted from the border's first; -1 for zeros.
  int64_t source(int64_t place, int64_t count) const {
    int64_t at = place - size;
    if (at >= 0 && at < count) return at;
    if (!reflects) return -1;
    at = at < 0 ? -at : 2 * (count - 1) - at;
    return at >= 0 && at < count ? at : -1;  // beyond what a reflection reaches, where only unfinished tiles look
  }
};
