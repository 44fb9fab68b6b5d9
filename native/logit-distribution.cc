// penumbra::logit_distribution: the head's outputs, in float32 or bfloat16, become mean, diagonal and factor of a normal
// distribution over logits, in one pass forward and one backward.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "bf16.h"
#include "exponential.h"
#include "for-each-cpu.h"

namespace {

using penumbra::Bf16;
using penumbra::store;
using penumbra::toFloat;
using penumbra::withElementType;

constexpr float kEpsilon = 1e-5f;
constexpr int64_t kBlock = 4096;

// e^x for any x in float32's range
inline float power(float x) { return x > 0 ? 1.0f / penumbra::exponential(-x) : penumbra::exponential(x); }

#define KERNELS(T)                                                                                       \
  FOR_EACH_CPU void copyRow(const T* x, float* to, int64_t n) {                                          \
    _Pragma("omp simd") for (int64_t v = 0; v < n; ++v) to[v] = toFloat(x[v]);                           \
  }                                                                                                      \
  FOR_EACH_CPU void maskRow(const T* x, const float* region, float* to, int64_t n) {                     \
    _Pragma("omp simd") for (int64_t v = 0; v < n; ++v) to[v] = toFloat(x[v]) * region[v];               \
  }                                                                                                      \
  FOR_EACH_CPU void diagonalRow(const T* x, const float* region, float* to, int64_t n) {                 \
    _Pragma("omp simd") for (int64_t v = 0; v < n; ++v)                                                  \
        to[v] = (power(toFloat(x[v])) + kEpsilon) * region[v] + kEpsilon;                                \
  }                                                                                                      \
  FOR_EACH_CPU void copyBack(const float* g, T* to, int64_t n) {                                         \
    _Pragma("omp simd") for (int64_t v = 0; v < n; ++v) store(to[v], g[v]);                              \
  }                                                                                                      \
  FOR_EACH_CPU void maskBack(const float* g, const float* region, T* to, int64_t n) {                    \
    _Pragma("omp simd") for (int64_t v = 0; v < n; ++v) store(to[v], g[v] * region[v]);                  \
  }                                                                                                      \
  FOR_EACH_CPU void diagonalBack(const T* x, const float* g, const float* region, T* to, int64_t n) {    \
    _Pragma("omp simd") for (int64_t v = 0; v < n; ++v) store(to[v], g[v] * power(toFloat(x[v])) * region[v]); \
  }

KERNELS(float)
KERNELS(Bf16)

struct Sizes {
  int64_t batch, classes, rank, voxels;
  int64_t channels() const { return classes * (2 + rank); }
};

// `body(b, channel, start, length)` over blocks of every channel
template <typename Body>
void overBlocks(const Sizes& s, const Body& body) {
  const int64_t blocks = (s.voxels + kBlock - 1) / kBlock;
  at::parallel_for(0, s.batch * s.channels() * blocks, 4, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t row = i / blocks, start = i % blocks * kBlock;
      body(row / s.channels(), row % s.channels(), start, std::min(kBlock, s.voxels - start));
    }
  });
}

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct LogitDistribution : torch::autograd::Function<LogitDistribution> {
  static variable_list forward(AutogradContext* context, const at::Tensor& outputs, const at::Tensor& given,
                               int64_t classes) {
    const at::Tensor x = outputs.contiguous(), region = given.contiguous();
    const Sizes s{x.size(0), classes, x.size(1) / classes - 2, x.numel() / (x.size(0) * x.size(1))};
    const auto like = [&](int64_t channels) {
      auto shape = x.sizes().vec();
      shape[1] = channels;
      return at::empty(shape, region.options());
    };
    at::Tensor mean = like(classes), diagonal = like(classes), factor = like(classes * s.rank);
    float *m = mean.data_ptr<float>(), *d = diagonal.data_ptr<float>(), *f = factor.data_ptr<float>();
    const float* mask = region.data_ptr<float>();
    withElementType(x, [&](auto element) {
      using T = decltype(element);
      const T* from = static_cast<T*>(x.data_ptr());
      overBlocks(s, [&](int64_t b, int64_t channel, int64_t at, int64_t n) {
        const T* row = from + (b * s.channels() + channel) * s.voxels + at;
        const float* inside = mask + b * s.voxels + at;
        if (channel < classes) copyRow(row, m + (b * classes + channel) * s.voxels + at, n);
        else if (channel < 2 * classes) diagonalRow(row, inside, d + (b * classes + channel - classes) * s.voxels + at, n);
        else maskRow(row, inside, f + (b * classes * s.rank + channel - 2 * classes) * s.voxels + at, n);
      });
    });
    context->save_for_backward({x, region});
    context->saved_data["classes"] = classes;
    return {mean, diagonal, factor};
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &region = saved[1];
    const int64_t classes = context->saved_data["classes"].toInt();
    const Sizes s{x.size(0), classes, x.size(1) / classes - 2, x.numel() / (x.size(0) * x.size(1))};
    at::Tensor gradient = at::zeros_like(x);
    at::Tensor parts[3];
    const float* from[3];
    for (int i = 0; i < 3; ++i) {
      if (gradients[i].defined()) parts[i] = gradients[i].contiguous();
      from[i] = parts[i].defined() ? parts[i].data_ptr<float>() : nullptr;
    }
    const float* mask = region.data_ptr<float>();
    withElementType(x, [&](auto element) {
      using T = decltype(element);
      const T* xAt = static_cast<T*>(x.data_ptr());
      T* to = static_cast<T*>(gradient.data_ptr());
      overBlocks(s, [&](int64_t b, int64_t channel, int64_t at, int64_t n) {
        const int64_t here = (b * s.channels() + channel) * s.voxels + at;
        const float* inside = mask + b * s.voxels + at;
        const int64_t kind = std::min<int64_t>(channel / classes, 2), first = kind * classes;
        if (!from[kind]) return;
        const float* g = from[kind] + (b * (kind == 2 ? classes * s.rank : classes) + channel - first) * s.voxels + at;
        if (kind == 0) copyBack(g, to + here, n);
        else if (kind == 1) diagonalBack(xAt + here, g, inside, to + here, n);
        else maskBack(g, inside, to + here, n);
      });
    });
    return {gradient, at::Tensor(), at::Tensor()};
  }
};

std::tuple<at::Tensor, at::Tensor, at::Tensor> byOperators(const at::Tensor& outputs, const at::Tensor& region,
                                                           int64_t classes) {
  const at::Tensor x = outputs.scalar_type() == at::kDouble ? outputs : outputs.to(at::kFloat);
  const auto parts = x.split_with_sizes({classes, classes, x.size(1) - 2 * classes}, 1);
  return {parts[0], (parts[1].exp() + kEpsilon) * region + kEpsilon, parts[2] * region};
}

// outputs [B,C·(2+R),...], region [B,1,...] -> mean [B,C,...], diagonal [B,C,...], factor [B,R·C,...]
std::tuple<at::Tensor, at::Tensor, at::Tensor> logitDistribution(const at::Tensor& outputs, const at::Tensor& region,
                                                                 int64_t classes) {
  TORCH_CHECK(classes > 0 && outputs.size(1) % classes == 0 && outputs.size(1) > 2 * classes,
              "logit_distribution: ", outputs.size(1), " channels are no mean, diagonal and factor of ", classes, " classes");
  TORCH_CHECK(region.numel() * outputs.size(1) == outputs.numel(), "logit_distribution: outputs are ", outputs.sizes(),
              " but the region ", region.sizes());
  const auto type = outputs.scalar_type();
  const bool fits = outputs.device().is_cpu() && (type == at::kFloat || type == at::kBFloat16) && outputs.numel() > 0 &&
                    region.device().is_cpu() && region.scalar_type() == at::kFloat;
  if (!fits) return byOperators(outputs, region, classes);
  const auto parts = LogitDistribution::apply(outputs, region, classes);
  return {parts[0], parts[1], parts[2]};
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(penumbra, library) {
  library.def("logit_distribution(Tensor outputs, Tensor region, int classes) -> (Tensor, Tensor, Tensor)", &logitDistribution);
}
