// penumbra::class_moments: how many voxels each class has, and mean and variance of their features, channel by channel.
// Features are read where they are, in their own type; operators would copy them to rows of float32 first. Sums are made
// row by row in a fixed order, so results do not depend on the number of threads.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

#include <vector>

#include "bf16.h"
#include "class-labels.h"
#include "for-each-cpu.h"

namespace {

using penumbra::Bf16;
using penumbra::toFloat;

constexpr int64_t kBlock = 1024;

struct Sizes {
  int64_t batch, channels, voxels, classes;
};

// sum[c] += Σ (x - shift[c])^power over the voxels of class c; power: 1 or 2
#define KERNEL(T)                                                                                                       \
  FOR_EACH_CPU void addByClass(const T* x, const int32_t* label, int64_t n, int64_t classes, const double* shift,       \
                               bool squared, double* sum) {                                                             \
    for (int64_t start = 0; start < n; start += kBlock) {                                                               \
      const int64_t end = std::min(start + kBlock, n);                                                                  \
      for (int64_t c = 0; c < classes; ++c) {                                                                           \
        const float from = shift[c];                                                                                    \
        float total = 0;                                                                                                \
        _Pragma("omp simd reduction(+ : total)") for (int64_t i = start; i < end; ++i) {                                \
          const float d = label[i] == c ? toFloat(x[i]) - from : 0.0f;                                                  \
          total += squared ? d * d : d;                                                                                 \
        }                                                                                                               \
        sum[c] += total;                                                                                                \
      }                                                                                                                 \
    }                                                                                                                   \
  }

KERNEL(float)
KERNEL(Bf16)

// means[k][c] of the differences to shift[k][c], or of their squares
template <typename T>
std::vector<double> means(const at::Tensor& x, const at::Tensor& labels, const Sizes& s, const std::vector<double>& counts,
                          const std::vector<double>& shift, bool squared) {
  std::vector<double> result(s.channels * s.classes);
  const T* data = static_cast<const T*>(x.data_ptr());
  const int32_t* label = labels.data_ptr<int32_t>();
  at::parallel_for(0, s.channels, 1, [&](int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k) {
      double* mean = &result[k * s.classes];
      for (int64_t b = 0; b < s.batch; ++b)
        addByClass(data + (b * s.channels + k) * s.voxels, label + b * s.voxels, s.voxels, s.classes, &shift[k * s.classes],
                   squared, mean);
      for (int64_t c = 0; c < s.classes; ++c) mean[c] /= std::max(counts[c], 1.0);
    }
  });
  return result;
}

std::vector<double> countsOf(const at::Tensor& labels, int64_t classes) {
  std::vector<double> counts(classes);
  const int32_t* label = labels.data_ptr<int32_t>();
  for (int64_t i = 0; i < labels.numel(); ++i) ++counts[label[i]];
  return counts;
}

// [channels][classes] -> float32 [C,K]
at::Tensor byClass(const std::vector<double>& values, const Sizes& s) {
  return at::tensor(values, at::kDouble).view({s.channels, s.classes}).t().to(at::kFloat).contiguous();
}

using Result = std::tuple<at::Tensor, at::Tensor, at::Tensor>;

Result onHost(const at::Tensor& x, const at::Tensor& labels, const Sizes& s) {
  const std::vector<double> counts = countsOf(labels, s.classes), none(s.channels * s.classes);
  std::vector<double> mean, variance;
  penumbra::withElementType(x, [&](auto element) {
    using T = decltype(element);
    mean = means<T>(x, labels, s, counts, none, false);
    variance = means<T>(x, labels, s, counts, mean, true);
  });
  return {at::tensor(counts, at::kDouble).to(at::kFloat), byClass(mean, s), byClass(variance, s)};
}

Result byOperators(const at::Tensor& features, const at::Tensor& labels, const Sizes& s) {
  const auto type = features.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const at::Tensor x = features.to(type).transpose(1, 2).reshape({-1, s.channels}), flat = labels.reshape(-1);
  const at::Tensor member = at::one_hot(flat, s.classes).to(type), count = member.sum(0);
  const at::Tensor divisor = count.clamp(1).unsqueeze(1), mean = member.t().matmul(x) / divisor;
  const at::Tensor variance = member.t().matmul((x - mean.index_select(0, flat)).square()) / divisor;
  return {count.to(at::kFloat), mean.to(at::kFloat), variance.to(at::kFloat)};
}

// features [B,K,V], labels [B,V] int64, from 0 to C-1 -> count [C], mean [C,K], variance [C,K], float32; 0 for a class
// without voxels
Result classMoments(const at::Tensor& features, const at::Tensor& labels, int64_t classes) {
  TORCH_CHECK(features.dim() == 3 && labels.dim() == 2 && labels.size(0) == features.size(0) && labels.size(1) == features.size(2),
              "class_moments wants features [B,K,V] and labels [B,V], got ", features.sizes(), " and ", labels.sizes());
  TORCH_CHECK(features.device() == labels.device(), "class_moments: features are on ", features.device(), " but labels on ",
              labels.device());
  penumbra::checkClasses("class_moments", labels, classes);
  const Sizes s{features.size(0), features.size(1), features.size(2), classes};
  const at::NoGradGuard none;
  const bool fits = features.scalar_type() == at::kFloat || features.scalar_type() == at::kBFloat16;
  if (!features.device().is_cpu() || !fits) return byOperators(features, labels, s);
  return onHost(features.contiguous(), labels.to(at::kInt).contiguous(), s);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(penumbra, library) {
  library.def("class_moments(Tensor features, Tensor labels, int classes) -> (Tensor, Tensor, Tensor)", &classMoments);
}
