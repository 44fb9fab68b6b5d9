// penumbra::probability_products: for samples of logits, the inner products of all pairs of their class probabilities,
// per class, and the gradient through them. Softmax, products and gradient are found block by block while a block of all
// samples lies in the cache; no probability map is ever written to memory.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <vector>

#include "exponential.h"
#include "for-each-cpu.h"

namespace {

using penumbra::exponential;

constexpr int64_t kBlock = 256;  // voxels at a time

struct Sizes {
  int64_t student, teacher, classes, voxels;
  int64_t samples() const { return student + teacher; }
  int64_t blocks() const { return (voxels + kBlock - 1) / kBlock; }
};

// logits of one sample, classes `stride` apart -> p[c·pStride + v]; columns from n on become 0
FOR_EACH_CPU void softmaxBlock(const float* logits, int64_t stride, int64_t classes, int64_t n, float* p, int64_t pStride) {
  float most[kBlock], sum[kBlock];
#pragma omp simd
  for (int64_t v = 0; v < n; ++v) most[v] = logits[v];
  for (int64_t c = 1; c < classes; ++c) {
#pragma omp simd
    for (int64_t v = 0; v < n; ++v) most[v] = logits[c * stride + v] > most[v] ? logits[c * stride + v] : most[v];
  }
  for (int64_t v = 0; v < kBlock; ++v) sum[v] = 0;
  for (int64_t c = 0; c < classes; ++c) {
    float* to = p + c * pStride;
#pragma omp simd
    for (int64_t v = 0; v < n; ++v) {
      to[v] = exponential(logits[c * stride + v] - most[v]);
      sum[v] += to[v];
    }
  }
#pragma omp simd
  for (int64_t v = 0; v < n; ++v) sum[v] = 1.0f / sum[v];
  for (int64_t c = 0; c < classes; ++c) {
    float* to = p + c * pStride;
#pragma omp simd
    for (int64_t v = 0; v < n; ++v) to[v] *= sum[v];
    for (int64_t v = n; v < kBlock; ++v) to[v] = 0;
  }
}

// products[i·rows + j] += p_i · p_j for j >= i; rows of kBlock
FOR_EACH_CPU void addProducts(const float* p, int64_t rows, double* products) {
  for (int64_t i = 0; i < rows; ++i) {
    const float* a = p + i * kBlock;
    for (int64_t j = i; j < rows; ++j) {
      const float* b = p + j * kBlock;
      float sum = 0;
#pragma omp simd reduction(+ : sum)
      for (int64_t v = 0; v < kBlock; ++v) sum += a[v] * b[v];
      products[i * rows + j] += sum;
    }
  }
}

// g[c][v] = Σ_r slope[c][r] · p[c][r][v], then back through the softmax of sample s: p_c (g_c - Σ p g)
FOR_EACH_CPU void gradientBlock(const float* p, const float* slope, const Sizes& s, int64_t sample, int64_t n, float* g,
                                float* to, int64_t stride) {
  const int64_t rows = s.samples();
  float mean[kBlock];
  for (int64_t v = 0; v < kBlock; ++v) mean[v] = 0;
  for (int64_t c = 0; c < s.classes; ++c) {
    const float* row = p + c * rows * kBlock;
    const float* weights = slope + (c * s.student + sample) * rows;
    float* sum = g + c * kBlock;
    for (int64_t v = 0; v < kBlock; ++v) sum[v] = 0;
    for (int64_t r = 0; r < rows; ++r) {
      const float weight = weights[r];
#pragma omp simd
      for (int64_t v = 0; v < kBlock; ++v) sum[v] += weight * row[r * kBlock + v];
    }
    const float* own = row + sample * kBlock;
#pragma omp simd
    for (int64_t v = 0; v < kBlock; ++v) mean[v] += own[v] * sum[v];
  }
  for (int64_t c = 0; c < s.classes; ++c) {
    const float *own = p + (c * rows + sample) * kBlock, *sum = g + c * kBlock;
#pragma omp simd
    for (int64_t v = 0; v < n; ++v) to[c * stride + v] = own[v] * (sum[v] - mean[v]);
  }
}

// probabilities of a block of all samples, [C, R, kBlock]
void probabilities(const Sizes& s, const float* student, const float* teacher, int64_t start, int64_t n, float* p) {
  for (int64_t r = 0; r < s.samples(); ++r) {
    const float* logits = r < s.student ? student + r * s.classes * s.voxels : teacher + (r - s.student) * s.classes * s.voxels;
    softmaxBlock(logits + start, s.voxels, s.classes, n, p + r * kBlock, s.samples() * kBlock);
  }
}

// `body(part, block)` with the blocks shared out in the same way whenever the number of threads is the same
template <typename Body>
void overParts(const Sizes& s, int64_t parts, const Body& body) {
  at::parallel_for(0, parts, 1, [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; ++part)
      for (int64_t i = s.blocks() * part / parts; i < s.blocks() * (part + 1) / parts; ++i) body(part, i);
  });
}

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct ProbabilityProducts : torch::autograd::Function<ProbabilityProducts> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& given, const at::Tensor& compared) {
    const at::Tensor student = given.contiguous(), teacher = compared.contiguous();
    const Sizes s{student.size(0), teacher.size(0), student.size(1), student.size(2)};
    const int64_t rows = s.samples(), square = rows * rows;
    const int64_t parts = std::min<int64_t>(at::get_num_threads(), s.blocks());
    std::vector<double> sums(parts * s.classes * square);
    std::vector<float> scratch(parts * s.classes * rows * kBlock);
    const float *a = student.data_ptr<float>(), *b = teacher.data_ptr<float>();
    overParts(s, parts, [&](int64_t part, int64_t block) {
      float* p = scratch.data() + part * s.classes * rows * kBlock;
      const int64_t start = block * kBlock;
      probabilities(s, a, b, start, std::min(kBlock, s.voxels - start), p);
      for (int64_t c = 0; c < s.classes; ++c)
        addProducts(p + c * rows * kBlock, rows, sums.data() + (part * s.classes + c) * square);
    });
    at::Tensor products = at::empty({s.classes, rows, rows}, student.options());
    float* to = products.data_ptr<float>();
    for (int64_t c = 0; c < s.classes; ++c) {
      for (int64_t i = 0; i < rows; ++i) {
        for (int64_t j = i; j < rows; ++j) {
          double sum = 0;
          for (int64_t part = 0; part < parts; ++part) sum += sums[(part * s.classes + c) * square + i * rows + j];
          to[c * square + i * rows + j] = to[c * square + j * rows + i] = sum;
        }
      }
    }
    context->save_for_backward({student, teacher});
    return products;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &student = saved[0], &teacher = saved[1];
    const Sizes s{student.size(0), teacher.size(0), student.size(1), student.size(2)};
    const int64_t rows = s.samples(), parts = std::min<int64_t>(at::get_num_threads(), s.blocks());
    // every row is on both sides of the products
    const at::Tensor slope = (gradients[0] + gradients[0].transpose(1, 2)).slice(1, 0, s.student).contiguous();
    at::Tensor gradient = at::empty_like(student);
    std::vector<float> scratch(parts * s.classes * (rows + 1) * kBlock);
    const float *a = student.data_ptr<float>(), *b = teacher.data_ptr<float>(), *weights = slope.data_ptr<float>();
    float* to = gradient.data_ptr<float>();
    overParts(s, parts, [&](int64_t part, int64_t block) {
      float* p = scratch.data() + part * s.classes * (rows + 1) * kBlock;
      const int64_t start = block * kBlock, n = std::min(kBlock, s.voxels - start);
      probabilities(s, a, b, start, n, p);
      for (int64_t i = 0; i < s.student; ++i)
        gradientBlock(p, weights, s, i, n, p + s.classes * rows * kBlock, to + i * s.classes * s.voxels + start, s.voxels);
    });
    return {gradient, at::Tensor()};
  }
};

at::Tensor byOperators(const at::Tensor& student, const at::Tensor& teacher) {
  const at::Tensor rows = at::cat({student.softmax(1), teacher.softmax(1)}, 0).transpose(0, 1);  // [C,R,V]
  return at::bmm(rows, rows.transpose(1, 2));
}

// student [S,C,V], teacher [T,C,V] -> [C,S+T,S+T]; the teacher gets no gradient
at::Tensor probabilityProducts(const at::Tensor& student, const at::Tensor& teacher) {
  TORCH_CHECK(student.dim() == 3 && teacher.dim() == 3 && student.sizes().slice(1) == teacher.sizes().slice(1),
              "probability_products wants logits [S,C,V] and [T,C,V], got ", student.sizes(), " and ", teacher.sizes());
  const at::Tensor still = teacher.detach();
  bool fits = student.numel() > 0 && teacher.numel() > 0;
  for (const at::Tensor* t : {&student, &still}) fits = fits && t->device().is_cpu() && t->scalar_type() == at::kFloat;
  return fits ? ProbabilityProducts::apply(student, still) : byOperators(student, still);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(penumbra, library) {
  library.def("probability_products(Tensor student, Tensor teacher) -> Tensor", &probabilityProducts);
}
