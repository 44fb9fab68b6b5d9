// penumbra::sample_logits: antithetic samples of a low-rank normal distribution over logits, forward and backward in one
// pass each. The same of ATen's operators writes every intermediate of the size of the samples to memory.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <cmath>

#include "for-each-cpu.h"

namespace {

constexpr int64_t kBlock = 1024;  // voxels at a time

struct Sizes {
  int64_t batch, half, rank, classes, voxels;
  int64_t rows() const { return classes * voxels; }  // logits of one sample
};

// deviation[v] = Σ_r noise_r · factor_r[v] + draws[v] · sqrt(diagonal[v]); centre ± deviation to the pair of samples
FOR_EACH_CPU void drawPair(const float* mean, const float* diagonal, const float* factor, int64_t factorStride,
                           const float* noise, int64_t rank, const float* draws, float* plus, float* minus, int64_t n) {
  float deviation[kBlock];
#pragma omp simd
  for (int64_t v = 0; v < n; ++v) deviation[v] = draws[v] * std::sqrt(diagonal[v]);
  for (int64_t r = 0; r < rank; ++r) {
    const float weight = noise[r];
    const float* from = factor + r * factorStride;
#pragma omp simd
    for (int64_t v = 0; v < n; ++v) deviation[v] += weight * from[v];
  }
#pragma omp simd
  for (int64_t v = 0; v < n; ++v) {
    plus[v] = mean[v] + deviation[v];
    minus[v] = mean[v] - deviation[v];
  }
}

// adds what the gradients of one pair of samples send back
FOR_EACH_CPU void addPair(const float* gPlus, const float* gMinus, const float* diagonal, const float* noise, int64_t rank,
                          const float* draws, float* gMean, float* gDiagonal, float* gFactor, int64_t factorStride,
                          int64_t n) {
  float difference[kBlock];
#pragma omp simd
  for (int64_t v = 0; v < n; ++v) {
    difference[v] = gPlus[v] - gMinus[v];
    gMean[v] += gPlus[v] + gMinus[v];
    gDiagonal[v] += difference[v] * draws[v] * 0.5f / std::sqrt(diagonal[v]);
  }
  for (int64_t r = 0; r < rank; ++r) {
    const float weight = noise[r];
    float* to = gFactor + r * factorStride;
#pragma omp simd
    for (int64_t v = 0; v < n; ++v) to[v] += weight * difference[v];
  }
}

// `body(b, start, length)` over blocks of the C·V logits of every image; blocks do not cross classes' order in memory
template <typename Body>
void overBlocks(const Sizes& s, const Body& body) {
  const int64_t perImage = (s.rows() + kBlock - 1) / kBlock;
  at::parallel_for(0, s.batch * perImage, 4, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t start = i % perImage * kBlock;
      body(i / perImage, start, std::min(kBlock, s.rows() - start));
    }
  });
}

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct SampleLogits : torch::autograd::Function<SampleLogits> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& mean, const at::Tensor& diagonal,
                            const at::Tensor& factor, const at::Tensor& noise, const at::Tensor& draws) {
    const at::Tensor m = mean.contiguous(), d = diagonal.contiguous(), f = factor.contiguous();
    const at::Tensor e = noise.contiguous(), w = draws.contiguous();
    const Sizes s{m.size(0), e.size(1), e.size(2), m.size(1), m.numel() / (m.size(0) * m.size(1))};
    at::Tensor samples = at::empty({s.batch, 2 * s.half, s.classes, s.voxels}, m.options());
    const float *mAt = m.data_ptr<float>(), *dAt = d.data_ptr<float>(), *fAt = f.data_ptr<float>(),
                *eAt = e.data_ptr<float>(), *wAt = w.data_ptr<float>();
    float* to = samples.data_ptr<float>();
    overBlocks(s, [&](int64_t b, int64_t at, int64_t n) {
      const int64_t here = b * s.rows() + at;
      for (int64_t h = 0; h < s.half; ++h) {
        float* plus = to + (b * 2 * s.half + h) * s.rows() + at;
        drawPair(mAt + here, dAt + here, fAt + b * s.rank * s.rows() + at, s.rows(), eAt + (b * s.half + h) * s.rank, s.rank,
                 wAt + (b * s.half + h) * s.rows() + at, plus, plus + s.half * s.rows(), n);
      }
    });
    context->save_for_backward({d, e, w});
    context->saved_data["factor"] = f.sizes();
    context->saved_data["mean"] = m.sizes();
    return samples;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &d = saved[0], &e = saved[1], &w = saved[2];
    const at::Tensor g = gradients[0].contiguous();
    const Sizes s{g.size(0), e.size(1), e.size(2), g.size(2), g.size(3)};
    at::Tensor gMean = at::zeros(context->saved_data["mean"].toIntVector(), g.options());
    at::Tensor gDiagonal = at::zeros_like(gMean);
    at::Tensor gFactor = at::zeros(context->saved_data["factor"].toIntVector(), g.options());
    const float *gAt = g.data_ptr<float>(), *dAt = d.data_ptr<float>(), *eAt = e.data_ptr<float>(), *wAt = w.data_ptr<float>();
    float *mTo = gMean.data_ptr<float>(), *dTo = gDiagonal.data_ptr<float>(), *fTo = gFactor.data_ptr<float>();
    overBlocks(s, [&](int64_t b, int64_t at, int64_t n) {
      const int64_t here = b * s.rows() + at;
      for (int64_t h = 0; h < s.half; ++h) {
        const float* plus = gAt + (b * 2 * s.half + h) * s.rows() + at;
        addPair(plus, plus + s.half * s.rows(), dAt + here, eAt + (b * s.half + h) * s.rank, s.rank,
                wAt + (b * s.half + h) * s.rows() + at, mTo + here, dTo + here, fTo + b * s.rank * s.rows() + at, s.rows(), n);
      }
    });
    return {gMean, gDiagonal, gFactor, at::Tensor(), at::Tensor()};
  }
};

at::Tensor byOperators(const at::Tensor& mean, const at::Tensor& diagonal, const at::Tensor& factor,
                       const at::Tensor& noise, const at::Tensor& draws) {
  const int64_t b = mean.size(0), c = mean.size(1), v = mean.numel() / (b * c), rank = noise.size(2);
  const at::Tensor deviation =
      at::bmm(noise, factor.reshape({b, rank, c * v})) + draws * diagonal.sqrt().reshape({b, 1, c * v});
  const at::Tensor centre = mean.reshape({b, 1, c * v});
  return at::cat({centre + deviation, centre - deviation}, 1).reshape({b, -1, c, v});
}

at::Tensor sampleLogits(const at::Tensor& mean, const at::Tensor& diagonal, const at::Tensor& factor,
                        const at::Tensor& noise, const at::Tensor& draws) {
  TORCH_CHECK(diagonal.sizes() == mean.sizes(), "sample_logits: mean is ", mean.sizes(), " but the diagonal ", diagonal.sizes());
  TORCH_CHECK(noise.dim() == 3 && factor.numel() == mean.numel() * noise.size(2), "sample_logits: mean ", mean.sizes(),
              " and noise ", noise.sizes(), " want ", mean.numel() * noise.size(2), " factors, got ", factor.sizes());
  TORCH_CHECK(draws.numel() * mean.size(0) == mean.numel() * noise.size(0) * noise.size(1) && noise.size(0) == mean.size(0),
              "sample_logits: draws are ", draws.sizes(), " for mean ", mean.sizes(), " and noise ", noise.sizes());
  bool fits = true;
  for (const at::Tensor* t : {&mean, &diagonal, &factor, &noise, &draws})
    fits = fits && t->device().is_cpu() && t->scalar_type() == at::kFloat;
  return fits ? SampleLogits::apply(mean, diagonal, factor, noise, draws) : byOperators(mean, diagonal, factor, noise, draws);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(penumbra, library) {
  library.def("sample_logits(Tensor mean, Tensor diagonal, Tensor factor, Tensor noise, Tensor draws) -> Tensor", &sampleLogits);
}
