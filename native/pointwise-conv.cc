// penumbra::pointwise_conv: a convolution with a kernel of 1, after a ReLU where asked, in one pass forward and one backward.
// ATen's lays its input out anew, calls oneDNN, and lays the output back; for the few channels of a head that costs several
// times the multiplications. Sums are float32 whatever the input is.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <cmath>
#include <vector>

#include "bf16.h"
#include "for-each-cpu.h"

namespace {

using penumbra::Bf16;
using penumbra::store;
using penumbra::toFloat;
using penumbra::withElementType;

constexpr int64_t kBlock = 256;  // voxels at a time
constexpr int64_t kMostWeights = 1024;  // more are worth laying anything out for

struct Sizes {
  int64_t batch, inputs, outputs, voxels;
  int64_t perImage() const { return (voxels + kBlock - 1) / kBlock; }
  int64_t blocks() const { return batch * perImage(); }
};

// rows `stride` apart <-> a block of float rows, zeros where the block is longer than n
#define KERNELS(T)                                                                                          \
  FOR_EACH_CPU void readRows(const T* from, int64_t rows, int64_t stride, int64_t n, bool relu, float* to) { \
    const float least = relu ? 0.0f : -INFINITY;                                                            \
    for (int64_t r = 0; r < rows; ++r, from += stride, to += kBlock) {                                      \
      _Pragma("omp simd") for (int64_t v = 0; v < n; ++v) {                                                 \
        const float x = toFloat(from[v]);                                                                   \
        to[v] = x < least ? least : x;                                                                      \
      }                                                                                                     \
      for (int64_t v = n; v < kBlock; ++v) to[v] = 0;                                                       \
    }                                                                                                       \
  }                                                                                                         \
  FOR_EACH_CPU void writeRows(const float* from, int64_t rows, int64_t stride, int64_t n, T* to) {          \
    for (int64_t r = 0; r < rows; ++r, from += kBlock, to += stride) {                                      \
      _Pragma("omp simd") for (int64_t v = 0; v < n; ++v) store(to[v], from[v]);                            \
    }                                                                                                       \
  }

KERNELS(float)
KERNELS(Bf16)

// y[r] = start[r] + Σ_k a[r·rowStride + k·kStride] · x[k]; rows of kBlock
FOR_EACH_CPU void multiply(const float* a, int64_t rowStride, int64_t kStride, int64_t rows, int64_t inner,
                           const float* start, const float* x, float* y) {
  for (int64_t r = 0; r < rows; ++r) {
    float* to = y + r * kBlock;
    const float first = start ? start[r] : 0.0f;
    for (int64_t v = 0; v < kBlock; ++v) to[v] = first;
    const float* weights = a + r * rowStride;
    int64_t k = 0;
    for (; k + 7 < inner; k += 8) {
      float w[8];
      for (int64_t i = 0; i < 8; ++i) w[i] = weights[(k + i) * kStride];
      const float* from = x + k * kBlock;
#pragma omp simd
      for (int64_t v = 0; v < kBlock; ++v)
        to[v] += w[0] * from[v] + w[1] * from[v + kBlock] + w[2] * from[v + 2 * kBlock] + w[3] * from[v + 3 * kBlock] +
                 w[4] * from[v + 4 * kBlock] + w[5] * from[v + 5 * kBlock] + w[6] * from[v + 6 * kBlock] +
                 w[7] * from[v + 7 * kBlock];
    }
    for (; k < inner; ++k) {
      const float w = weights[k * kStride];
      const float* from = x + k * kBlock;
#pragma omp simd
      for (int64_t v = 0; v < kBlock; ++v) to[v] += w * from[v];
    }
  }
}

// sums[o·inputs + i] += g_o · x_i, and bias[o] += Σ g_o
FOR_EACH_CPU void addProducts(const float* g, int64_t outputs, const float* x, int64_t inputs, float* sums, float* bias) {
  for (int64_t o = 0; o < outputs; ++o) {
    const float* a = g + o * kBlock;
    float total = 0;
#pragma omp simd reduction(+ : total)
    for (int64_t v = 0; v < kBlock; ++v) total += a[v];
    bias[o] += total;
    int64_t i = 0;
    for (; i + 3 < inputs; i += 4) {
      const float* b = x + i * kBlock;
      float s0 = 0, s1 = 0, s2 = 0, s3 = 0;
#pragma omp simd reduction(+ : s0, s1, s2, s3)
      for (int64_t v = 0; v < kBlock; ++v) {
        s0 += a[v] * b[v];
        s1 += a[v] * b[v + kBlock];
        s2 += a[v] * b[v + 2 * kBlock];
        s3 += a[v] * b[v + 3 * kBlock];
      }
      float* to = sums + o * inputs + i;
      to[0] += s0, to[1] += s1, to[2] += s2, to[3] += s3;
    }
    for (; i < inputs; ++i) {
      const float* b = x + i * kBlock;
      float sum = 0;
#pragma omp simd reduction(+ : sum)
      for (int64_t v = 0; v < kBlock; ++v) sum += a[v] * b[v];
      sums[o * inputs + i] += sum;
    }
  }
}

FOR_EACH_CPU void dropNegative(const float* x, float* g, int64_t count) {
#pragma omp simd
  for (int64_t v = 0; v < count; ++v) g[v] = x[v] > 0 ? g[v] : 0.0f;
}

// `body(part, image, start, length)`, the blocks shared out in the same way whenever the number of threads is the same
template <typename Body>
void overBlocks(const Sizes& s, int64_t parts, const Body& body) {
  at::parallel_for(0, parts, 1, [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; ++part) {
      for (int64_t i = s.blocks() * part / parts; i < s.blocks() * (part + 1) / parts; ++i) {
        const int64_t start = i % s.perImage() * kBlock;
        body(part, i / s.perImage(), start, std::min(kBlock, s.voxels - start));
      }
    }
  });
}

Sizes sizesOf(const at::Tensor& x, const at::Tensor& weight) {
  return {x.size(0), x.size(1), weight.size(0), x.numel() / (x.size(0) * x.size(1))};
}

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct PointwiseConv : torch::autograd::Function<PointwiseConv> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& given, const at::Tensor& weight,
                            const at::Tensor& bias, bool relu) {
    const at::Tensor x = given.contiguous(), w = weight.contiguous(), b = bias.contiguous();
    const Sizes s = sizesOf(x, w);
    auto shape = x.sizes().vec();
    shape[1] = s.outputs;
    at::Tensor y = at::empty(shape, x.options());
    const int64_t parts = std::min<int64_t>(at::get_num_threads(), s.blocks());
    std::vector<float> scratch(parts * (s.inputs + s.outputs) * kBlock);
    const float *weights = w.data_ptr<float>(), *start = b.data_ptr<float>();
    withElementType(x, [&](auto element) {
      using T = decltype(element);
      const T* from = static_cast<T*>(x.data_ptr());
      T* to = static_cast<T*>(y.data_ptr());
      overBlocks(s, parts, [&](int64_t part, int64_t image, int64_t at, int64_t n) {
        float* in = scratch.data() + part * (s.inputs + s.outputs) * kBlock;
        float* out = in + s.inputs * kBlock;
        readRows(from + image * s.inputs * s.voxels + at, s.inputs, s.voxels, n, relu, in);
        multiply(weights, s.inputs, 1, s.outputs, s.inputs, start, in, out);
        writeRows(out, s.outputs, s.voxels, n, to + image * s.outputs * s.voxels + at);
      });
    });
    context->save_for_backward({x, w});
    context->saved_data["relu"] = relu;
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &w = saved[1];
    const bool relu = context->saved_data["relu"].toBool();
    const at::Tensor g = gradients[0].to(x.scalar_type()).contiguous();
    const Sizes s = sizesOf(x, w);
    at::Tensor result = at::empty_like(x);
    const int64_t parts = std::min<int64_t>(at::get_num_threads(), s.blocks());
    std::vector<float> scratch(parts * (2 * s.inputs + s.outputs) * kBlock);
    const at::Tensor sums = at::zeros({parts, s.outputs, s.inputs}, w.options()), bias = at::zeros({parts, s.outputs}, w.options());
    const float* weights = w.data_ptr<float>();
    float *wTo = sums.data_ptr<float>(), *bTo = bias.data_ptr<float>();
    withElementType(x, [&](auto element) {
      using T = decltype(element);
      const T *from = static_cast<T*>(x.data_ptr()), *gAt = static_cast<T*>(g.data_ptr());
      T* to = static_cast<T*>(result.data_ptr());
      overBlocks(s, parts, [&](int64_t part, int64_t image, int64_t at, int64_t n) {
        float* in = scratch.data() + part * (2 * s.inputs + s.outputs) * kBlock;
        float *back = in + s.inputs * kBlock, *out = back + s.inputs * kBlock;
        readRows(from + image * s.inputs * s.voxels + at, s.inputs, s.voxels, n, relu, in);
        readRows(gAt + image * s.outputs * s.voxels + at, s.outputs, s.voxels, n, false, out);
        addProducts(out, s.outputs, in, s.inputs, wTo + part * s.outputs * s.inputs, bTo + part * s.outputs);
        multiply(weights, 1, s.inputs, s.inputs, s.outputs, nullptr, out, back);
        if (relu) dropNegative(in, back, s.inputs * kBlock);
        writeRows(back, s.inputs, s.voxels, n, to + image * s.inputs * s.voxels + at);
      });
    });
    return {result, sums.sum(0).view(w.sizes()), bias.sum(0), at::Tensor()};
  }
};

// x [B,I,...], weight [O,I,1,1,1], bias [O] -> [B,O,...] of x's type
at::Tensor pointwiseConv(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, bool relu) {
  const auto type = x.scalar_type();
  bool fits = x.device().is_cpu() && (type == at::kFloat || type == at::kBFloat16) && x.numel() > 0 && x.dim() == 5 &&
              weight.dim() == 5 && weight.size(1) == x.size(1) && weight.numel() == weight.size(0) * weight.size(1) && weight.numel() <= kMostWeights &&
              bias.numel() == weight.size(0);
  for (const at::Tensor* t : {&weight, &bias}) fits = fits && t->device().is_cpu() && t->scalar_type() == at::kFloat;
  return fits ? PointwiseConv::apply(x, weight, bias, relu) : at::conv3d(relu ? x.relu() : x, weight, bias);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(penumbra, library) {
  library.def("pointwise_conv(Tensor x, Tensor weight, Tensor bias, bool relu) -> Tensor", &pointwiseConv);
}
