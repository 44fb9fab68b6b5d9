// The check that labels are classes, in one pass over them as they are given: int32, which kernels read, would make a class
// of 2^40. Elsewhere than on the CPU it would wait for the device; there libtorch's operators look themselves.
#pragma once

#include <ATen/ATen.h>

namespace penumbra {

inline void checkClasses(const char* name, const at::Tensor& labels, int64_t classes) {
  TORCH_CHECK(at::isIntegralType(labels.scalar_type(), false), name, " wants labels of whole numbers, int64, got ",
              labels.scalar_type(), "; convert them");
  if (!labels.device().is_cpu() || labels.numel() == 0) return;
  const auto range = at::aminmax(labels);
  const int64_t least = std::get<0>(range).item<int64_t>(), most = std::get<1>(range).item<int64_t>();
  TORCH_CHECK(least >= 0 && most < classes, name, ": label ", least < 0 ? least : most, " is no class; expected 0 to ",
              classes - 1, ": number the labels so, or raise the number of classes");
}

}  // namespace penumbra
