#pragma once

#include <cstdint>
#include <cstring>

namespace penumbra {

// exp for x <= 0, to 2 ulp; 0 below -87. Cephes' polynomial, branch-free so that loops over it become vector code.
inline float exponential(float x) {
  const float bounded = x < -87.0f ? -87.0f : x;
  const float n = static_cast<float>(static_cast<int32_t>(bounded * 1.44269504f - 0.5f));  // toward zero: rounds, x <= 0
  const float r = (bounded - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  // 0 by a mask: after a choice between two values some loops stay scalar
  const int32_t bits = ((static_cast<int32_t>(n) + 127) << 23) & -static_cast<int32_t>(x >= -87.0f);
  float power;
  std::memcpy(&power, &bits, sizeof power);
  return p * power;
}

}  // namespace penumbra
