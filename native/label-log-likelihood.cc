// penumbra::label_log_likelihood: Σ_v log softmax(logits)_{v,label} of every sample, forward and backward in one pass each;
// no map of logarithms or probabilities is written to memory.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <cmath>
#include <vector>

#include "class-labels.h"
#include "exponential.h"
#include "for-each-cpu.h"

namespace {

using penumbra::exponential;

constexpr int64_t kBlock = 256, kLanes = 16;
// products of kBlock / kLanes sums of this many exponentials, each at most 1, stay finite
constexpr int64_t kMostClasses = 64;

struct Sizes {
  int64_t batch, samples, classes, voxels;
  int64_t rows() const { return batch * samples; }
};

// largest logit and Σ exp(logit - largest) of n voxels
FOR_EACH_CPU void partition(const float* logits, int64_t stride, int64_t classes, int64_t n, float* most, float* sum) {
#pragma omp simd
  for (int64_t v = 0; v < n; ++v) most[v] = logits[v];
  for (int64_t c = 1; c < classes; ++c) {
#pragma omp simd
    for (int64_t v = 0; v < n; ++v) most[v] = logits[c * stride + v] > most[v] ? logits[c * stride + v] : most[v];
  }
  for (int64_t v = 0; v < kBlock; ++v) sum[v] = v < n ? 0.0f : 1.0f;
  for (int64_t c = 0; c < classes; ++c) {
#pragma omp simd
    for (int64_t v = 0; v < n; ++v) sum[v] += exponential(logits[c * stride + v] - most[v]);
  }
}

// Σ log softmax at the labels; a logarithm of a product replaces a sum of logarithms
FOR_EACH_CPU double blockLikelihood(const float* logits, int64_t stride, int64_t classes, const int32_t* label, int64_t n) {
  float most[kBlock], sum[kBlock], product[kLanes];
  partition(logits, stride, classes, n, most, sum);
  float chosen = 0;
  for (int64_t c = 0; c < classes; ++c) {
#pragma omp simd reduction(+ : chosen)
    for (int64_t v = 0; v < n; ++v) chosen += label[v] == c ? logits[c * stride + v] - most[v] : 0.0f;
  }
  for (int64_t i = 0; i < kLanes; ++i) product[i] = 1;
  for (int64_t v = 0; v < kBlock; v += kLanes) {
#pragma omp simd
    for (int64_t i = 0; i < kLanes; ++i) product[i] *= sum[v + i];
  }
  double logs = 0;
  for (int64_t i = 0; i < kLanes; ++i) logs += std::log(product[i]);
  return chosen - logs;
}

// g · ([c = label] - softmax_c)
FOR_EACH_CPU void blockGradient(const float* logits, int64_t stride, int64_t classes, const int32_t* label, int64_t n,
                                float g, float* to) {
  float most[kBlock], sum[kBlock];
  partition(logits, stride, classes, n, most, sum);
#pragma omp simd
  for (int64_t v = 0; v < n; ++v) sum[v] = g / sum[v];
  for (int64_t c = 0; c < classes; ++c) {
#pragma omp simd
    for (int64_t v = 0; v < n; ++v)
      to[c * stride + v] = (label[v] == c ? g : 0.0f) - sum[v] * exponential(logits[c * stride + v] - most[v]);
  }
}

// `body(row, start, length)` over blocks of every sample's voxels, a sample's blocks in one thread and in order
template <typename Body>
void overRows(const Sizes& s, const Body& body) {
  at::parallel_for(0, s.rows(), 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      for (int64_t start = 0; start < s.voxels; start += kBlock) body(row, start, std::min(kBlock, s.voxels - start));
  });
}

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct LabelLogLikelihood : torch::autograd::Function<LabelLogLikelihood> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& given, const at::Tensor& target) {
    const at::Tensor logits = given.contiguous(), labels = target.to(at::kInt).contiguous();
    const Sizes s{logits.size(0), logits.size(1), logits.size(2), logits.size(3)};
    std::vector<double> sums(s.rows());
    const float* from = logits.data_ptr<float>();
    const int32_t* label = labels.data_ptr<int32_t>();
    overRows(s, [&](int64_t row, int64_t start, int64_t n) {
      sums[row] += blockLikelihood(from + row * s.classes * s.voxels + start, s.voxels, s.classes,
                                   label + row / s.samples * s.voxels + start, n);
    });
    at::Tensor result = at::empty({s.batch, s.samples}, logits.options());
    std::copy(sums.begin(), sums.end(), result.data_ptr<float>());
    context->save_for_backward({logits, labels});
    return result;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &logits = saved[0], &labels = saved[1];
    const Sizes s{logits.size(0), logits.size(1), logits.size(2), logits.size(3)};
    const at::Tensor g = gradients[0].contiguous();
    at::Tensor gradient = at::empty_like(logits);
    const float *from = logits.data_ptr<float>(), *gAt = g.data_ptr<float>();
    const int32_t* label = labels.data_ptr<int32_t>();
    float* to = gradient.data_ptr<float>();
    overRows(s, [&](int64_t row, int64_t start, int64_t n) {
      const int64_t at = row * s.classes * s.voxels + start;
      blockGradient(from + at, s.voxels, s.classes, label + row / s.samples * s.voxels + start, n, gAt[row], to + at);
    });
    return {gradient, at::Tensor()};
  }
};

at::Tensor byOperators(const at::Tensor& logits, const at::Tensor& labels) {
  const at::Tensor target = labels.unsqueeze(1).unsqueeze(2).expand({-1, logits.size(1), 1, -1});
  return logits.log_softmax(2).gather(2, target).squeeze(2).sum(2);
}

// logits [B,S,C,V], labels [B,V] int64, from 0 to C-1 -> [B,S]
at::Tensor labelLogLikelihood(const at::Tensor& logits, const at::Tensor& labels) {
  TORCH_CHECK(logits.dim() == 4 && labels.dim() == 2 && labels.size(0) == logits.size(0) && labels.size(1) == logits.size(3),
              "label_log_likelihood wants logits [B,S,C,V] and labels [B,V], got ", logits.sizes(), " and ", labels.sizes());
  penumbra::checkClasses("label_log_likelihood", labels, logits.size(2));
  const bool fits = logits.device().is_cpu() && labels.device().is_cpu() && logits.scalar_type() == at::kFloat && logits.numel() > 0 &&
                    logits.size(2) <= kMostClasses;
  return fits ? LabelLogLikelihood::apply(logits, labels) : byOperators(logits, labels);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(penumbra, library) {
  library.def("label_log_likelihood(Tensor logits, Tensor labels) -> Tensor", &labelLogLikelihood);
}
