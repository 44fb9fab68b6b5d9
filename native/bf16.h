// bfloat16 as bits: the upper half of a float32. c10::BFloat16 converts with a branch, which no compiler makes vector
// code of; these do the same without one, so that loops over them run at the speed of memory.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <cstring>

namespace penumbra {

struct Bf16 {
  uint16_t bits;
};

inline float toFloat(float x) { return x; }
inline float toFloat(Bf16 x) {
  const uint32_t bits = uint32_t(x.bits) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

inline void store(float& to, float value) { to = value; }
// rounds to nearest, ties to even; NaN stays NaN
inline void store(Bf16& to, float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  to.bits = static_cast<uint16_t>(value != value ? 0x7fc0u : rounded);
}

// `body` is called with a value of x's element type, float or Bf16
template <typename Body>
void withElementType(const at::Tensor& x, const Body& body) {
  if (x.scalar_type() == at::kFloat) body(float());
  else body(Bf16());
}

}  // namespace penumbra
