// penumbra::sample_logits: antithetic samples of the stochastic head's low-rank normal distribution, straight from the
// head's outputs in float32 or bfloat16, forward and backward in one pass each. The same of ATen's operators writes
// every intermediate of the size of the distribution and of the samples to memory.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <cmath>
#include <vector>

#include "bf16.h"
#include "exponential.h"
#include "for-each-cpu.h"

namespace {

using penumbra::Bf16;
using penumbra::store;
using penumbra::toFloat;
using penumbra::withElementType;

constexpr float kEpsilon = 1e-5f;
constexpr int64_t kBlock = 512;  // voxels at a time

struct Sizes {
  int64_t batch, half, rank, classes, voxels;
  int64_t rows() const { return classes * voxels; }  // logits of one sample
  int64_t channels() const { return classes * (2 + rank); }
};

// e^x for any x in float32's range
inline float power(float x) { return x > 0 ? 1.0f / penumbra::exponential(-x) : penumbra::exponential(x); }

// One class of a block of voxels: what the head says there, as numbers.
struct Block {
  explicit Block(int64_t rank) : factor(rank * kBlock) {}
  float mean[kBlock], variance[kBlock], deviation[kBlock];  // e^x of the diagonal's logarithm; root of the diagonal
  std::vector<float> factor;                                // [R, kBlock]
};

#define KERNELS(T)                                                                                                   \
  FOR_EACH_CPU void readBlock(const T* x, int64_t stride, int64_t rank, const float* region,                         \
                              Block& to, int64_t n) {                                                                \
    const T* logs = x + stride;                                                                                      \
    _Pragma("omp simd") for (int64_t v = 0; v < n; ++v) {                                                            \
      to.mean[v] = toFloat(x[v]);                                                                                    \
      to.variance[v] = power(toFloat(logs[v]));                                                                      \
      to.deviation[v] = std::sqrt((to.variance[v] + kEpsilon) * region[v] + kEpsilon);                               \
    }                                                                                                                \
    for (int64_t r = 0; r < rank; ++r) {                                                                             \
      const T* from = x + (2 + r) * stride;                                                                          \
      float* row = to.factor.data() + r * kBlock;                                                                    \
      _Pragma("omp simd") for (int64_t v = 0; v < n; ++v) row[v] = toFloat(from[v]) * region[v];                     \
    }                                                                                                                \
  }                                                                                                                  \
  FOR_EACH_CPU void writeBlock(const Block& gradient, const Block& at, const float* region, int64_t stride,          \
                               int64_t rank, T* to, int64_t n) {                                                     \
    T* logs = to + stride;                                                                                           \
    _Pragma("omp simd") for (int64_t v = 0; v < n; ++v) {                                                            \
      store(to[v], gradient.mean[v]);                                                                                \
      store(logs[v], gradient.deviation[v] * 0.5f / at.deviation[v] * at.variance[v] * region[v]);                   \
    }                                                                                                                \
    for (int64_t r = 0; r < rank; ++r) {                                                                             \
      T* row = to + (2 + r) * stride;                                                                                \
      const float* from = gradient.factor.data() + r * kBlock;                                                       \
      _Pragma("omp simd") for (int64_t v = 0; v < n; ++v) store(row[v], from[v] * region[v]);                        \
    }                                                                                                                \
  }

KERNELS(float)
KERNELS(Bf16)

// mean ± (Σ_r noise_r · factor_r + draws · deviation) to a pair of samples
FOR_EACH_CPU void drawPair(const Block& at, const float* noise, int64_t rank, const float* draws, float* plus, float* minus,
                           int64_t n) {
  float shift[kBlock];
#pragma omp simd
  for (int64_t v = 0; v < n; ++v) shift[v] = draws[v] * at.deviation[v];
  for (int64_t r = 0; r < rank; ++r) {
    const float weight = noise[r];
    const float* from = at.factor.data() + r * kBlock;
#pragma omp simd
    for (int64_t v = 0; v < n; ++v) shift[v] += weight * from[v];
  }
#pragma omp simd
  for (int64_t v = 0; v < n; ++v) {
    plus[v] = at.mean[v] + shift[v];
    minus[v] = at.mean[v] - shift[v];
  }
}

// adds what the gradients of a pair of samples send back
FOR_EACH_CPU void addPair(const float* plus, const float* minus, const float* noise, int64_t rank, const float* draws,
                          Block& gradient, int64_t n) {
  float difference[kBlock];
#pragma omp simd
  for (int64_t v = 0; v < n; ++v) {
    difference[v] = plus[v] - minus[v];
    gradient.mean[v] += plus[v] + minus[v];
    gradient.deviation[v] += difference[v] * draws[v];
  }
  for (int64_t r = 0; r < rank; ++r) {
    const float weight = noise[r];
    float* to = gradient.factor.data() + r * kBlock;
#pragma omp simd
    for (int64_t v = 0; v < n; ++v) to[v] += weight * difference[v];
  }
}

// the gradient of the mean itself, where it has one, starts the sum; everything else starts at 0
void startGradient(const float* mean, Block& gradient, int64_t n) {
  if (mean) std::copy(mean, mean + n, gradient.mean);
  else std::fill(gradient.mean, gradient.mean + n, 0.0f);
  std::fill(gradient.deviation, gradient.deviation + n, 0.0f);
  std::fill(gradient.factor.begin(), gradient.factor.end(), 0.0f);
}

// `body(b, c, start, length)` over blocks of every class's voxels; each thread makes its `scratch` once
template <typename Body>
void overBlocks(const Sizes& s, const Body& body) {
  const int64_t blocks = (s.voxels + kBlock - 1) / kBlock;
  at::parallel_for(0, s.batch * s.classes * blocks, 8, [&](int64_t begin, int64_t end) {
    Block here(s.rank), gradient(s.rank);
    for (int64_t i = begin; i < end; ++i) {
      const int64_t row = i / blocks, start = i % blocks * kBlock;
      body(row / s.classes, row % s.classes, start, std::min(kBlock, s.voxels - start), here, gradient);
    }
  });
}

Sizes sizesOf(const at::Tensor& outputs, const at::Tensor& noise, int64_t classes) {
  return {outputs.size(0), noise.size(1), noise.size(2), classes, outputs.numel() / (outputs.size(0) * outputs.size(1))};
}

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct SampleLogits : torch::autograd::Function<SampleLogits> {
  static variable_list forward(AutogradContext* context, const at::Tensor& outputs, const at::Tensor& given,
                               const at::Tensor& factorNoise, const at::Tensor& diagonalNoise, int64_t classes) {
    const at::Tensor x = outputs.contiguous(), region = given.contiguous();
    const at::Tensor e = factorNoise.contiguous(), w = diagonalNoise.contiguous();
    const Sizes s = sizesOf(x, e, classes);
    auto shape = x.sizes().vec();
    shape[1] = classes;
    at::Tensor mean = at::empty(shape, e.options()), samples = at::empty({s.batch, 2 * s.half, classes, s.voxels}, e.options());
    const float *mask = region.data_ptr<float>(), *noise = e.data_ptr<float>(), *draws = w.data_ptr<float>();
    float *centre = mean.data_ptr<float>(), *to = samples.data_ptr<float>();
    withElementType(x, [&](auto element) {
      using T = decltype(element);
      const T* from = static_cast<T*>(x.data_ptr());
      overBlocks(s, [&](int64_t b, int64_t c, int64_t start, int64_t n, Block& here, Block&) {
        const int64_t at = c * s.voxels + start;
        readBlock(from + b * s.channels() * s.voxels + at, s.rows(), s.rank, mask + b * s.voxels + start, here, n);
        std::copy(here.mean, here.mean + n, centre + b * s.rows() + at);
        for (int64_t h = 0; h < s.half; ++h) {
          float* plus = to + (b * 2 * s.half + h) * s.rows() + at;
          const int64_t pair = b * s.half + h;
          drawPair(here, noise + pair * s.rank, s.rank, draws + pair * s.rows() + at, plus, plus + s.half * s.rows(), n);
        }
      });
    });
    context->save_for_backward({x, region, e, w});
    context->saved_data["classes"] = classes;
    return {mean, samples};
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &region = saved[1], &e = saved[2], &w = saved[3];
    const Sizes s = sizesOf(x, e, context->saved_data["classes"].toInt());
    const at::Tensor gMean = gradients[0].defined() ? gradients[0].contiguous() : at::Tensor();
    const at::Tensor g = gradients[1].defined() ? gradients[1].contiguous() : at::Tensor();
    at::Tensor result = at::empty_like(x);
    const float *mask = region.data_ptr<float>(), *noise = e.data_ptr<float>(), *draws = w.data_ptr<float>();
    const float *mAt = gMean.defined() ? gMean.data_ptr<float>() : nullptr, *gAt = g.defined() ? g.data_ptr<float>() : nullptr;
    withElementType(x, [&](auto element) {
      using T = decltype(element);
      const T* from = static_cast<T*>(x.data_ptr());
      T* to = static_cast<T*>(result.data_ptr());
      overBlocks(s, [&](int64_t b, int64_t c, int64_t start, int64_t n, Block& here, Block& gradient) {
        const int64_t at = c * s.voxels + start, first = b * s.channels() * s.voxels + at;
        const float* inside = mask + b * s.voxels + start;
        readBlock(from + first, s.rows(), s.rank, inside, here, n);
        startGradient(mAt ? mAt + b * s.rows() + at : nullptr, gradient, n);
        for (int64_t h = 0; gAt && h < s.half; ++h) {
          const float* plus = gAt + (b * 2 * s.half + h) * s.rows() + at;
          const int64_t pair = b * s.half + h;
          addPair(plus, plus + s.half * s.rows(), noise + pair * s.rank, s.rank, draws + pair * s.rows() + at, gradient, n);
        }
        writeBlock(gradient, here, inside, s.rows(), s.rank, to + first, n);
      });
    });
    return {result, at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

std::tuple<at::Tensor, at::Tensor> byOperators(const at::Tensor& outputs, const at::Tensor& region, const at::Tensor& noise,
                                               const at::Tensor& draws, int64_t classes) {
  const at::Tensor x = outputs.scalar_type() == at::kDouble ? outputs : outputs.to(at::kFloat);
  const auto parts = x.split_with_sizes({classes, classes, x.size(1) - 2 * classes}, 1);
  const int64_t b = x.size(0), v = x.numel() / (b * x.size(1)), rank = noise.size(2);
  const at::Tensor diagonal = ((parts[1].exp() + kEpsilon) * region + kEpsilon).reshape({b, 1, classes * v});
  const at::Tensor factor = (parts[2] * region).reshape({b, rank, classes * v});
  const at::Tensor shift = at::bmm(noise, factor) + draws * diagonal.sqrt();
  const at::Tensor centre = parts[0].reshape({b, 1, classes * v});
  return {parts[0], at::cat({centre + shift, centre - shift}, 1).reshape({b, -1, classes, v})};
}

// outputs [B,C·(2+R),...], region [B,1,...], noise [B,S/2,R], draws [B,S/2,C·V] -> mean [B,C,...], samples [B,S,C,V]
std::tuple<at::Tensor, at::Tensor> sampleLogits(const at::Tensor& outputs, const at::Tensor& region, const at::Tensor& noise,
                                                const at::Tensor& draws, int64_t classes) {
  TORCH_CHECK(classes > 0 && outputs.dim() > 2 && outputs.size(1) % classes == 0 && outputs.size(1) > 2 * classes,
              "sample_logits: outputs ", outputs.sizes(), " are no mean, diagonal and factor of ", classes, " classes");
  TORCH_CHECK(outputs.numel() > 0, "sample_logits: outputs ", outputs.sizes(), " are empty");
  TORCH_CHECK(region.numel() * outputs.size(1) == outputs.numel(), "sample_logits: outputs are ", outputs.sizes(),
              " but the region ", region.sizes());
  TORCH_CHECK(noise.dim() == 3 && noise.size(0) == outputs.size(0) && classes * (2 + noise.size(2)) == outputs.size(1),
              "sample_logits: outputs ", outputs.sizes(), " of ", classes, " classes and noise ", noise.sizes(), " do not fit");
  TORCH_CHECK(draws.numel() == noise.size(0) * noise.size(1) * classes * (outputs.numel() / (outputs.size(0) * outputs.size(1))),
              "sample_logits: draws are ", draws.sizes(), " for outputs ", outputs.sizes(), " and noise ", noise.sizes());
  const auto type = outputs.scalar_type();
  bool fits = outputs.device().is_cpu() && (type == at::kFloat || type == at::kBFloat16);
  for (const at::Tensor* t : {&region, &noise, &draws}) fits = fits && t->device().is_cpu() && t->scalar_type() == at::kFloat;
  if (!fits) return byOperators(outputs, region, noise, draws, classes);
  const auto both = SampleLogits::apply(outputs, region, noise, draws, classes);
  return {both[0], both[1]};
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(penumbra, library) {
  library.def("sample_logits(Tensor outputs, Tensor region, Tensor noise, Tensor draws, int classes) -> (Tensor, Tensor)",
              &sampleLogits);
}
