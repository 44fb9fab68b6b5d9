// penumbra::batch_norm_relu: batch normalization and ReLU in one pass over memory, forward and backward. libtorch's own
// two operators read and write the largest tensors of the network three times as often and keep one more of them.
// Sums are made row by row in a fixed order, so results do not depend on the number of threads.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <vector>

#include "bf16.h"
#include "for-each-cpu.h"

namespace {

using penumbra::Bf16;
using penumbra::store;
using penumbra::toFloat;
using penumbra::withElementType;

constexpr int64_t kChunk = 1024;

struct Moments {
  double count = 0, mean = 0, squares = 0;  // squares: sum of (x - mean)²
  // Chan et al. 1979
  void merge(const Moments& other) {
    if (other.count == 0) return;
    const double total = count + other.count, difference = other.mean - mean;
    mean += difference * other.count / total;
    squares += other.squares + difference * difference * count * other.count / total;
    count = total;
  }
};

#define KERNELS(T)                                                                                                  \
  FOR_EACH_CPU Moments rowMoments(const T* x, int64_t n) {                                                          \
    Moments all;                                                                                                    \
    for (int64_t start = 0; start < n; start += kChunk) {                                                           \
      const int64_t length = std::min(kChunk, n - start);                                                           \
      const T* chunk = x + start;                                                                                   \
      float sum = 0, squares = 0;                                                                                   \
      _Pragma("omp simd reduction(+ : sum)") for (int64_t i = 0; i < length; ++i) sum += toFloat(chunk[i]); \
      const float mean = sum / length;                                                                              \
      _Pragma("omp simd reduction(+ : squares)") for (int64_t i = 0; i < length; ++i) {                             \
        const float d = toFloat(chunk[i]) - mean;                                                        \
        squares += d * d;                                                                                           \
      }                                                                                                             \
      all.merge({double(length), mean, squares});                                                                   \
    }                                                                                                               \
    return all;                                                                                                     \
  }                                                                                                                 \
  FOR_EACH_CPU void rowForward(const T* x, T* y, int64_t n, float scale, float shift) {                             \
    _Pragma("omp simd") for (int64_t i = 0; i < n; ++i) {                                                           \
      const float value = toFloat(x[i]) * scale + shift;                                                 \
      store(y[i], value < 0 ? 0.0f : value);                                                              \
    }                                                                                                               \
  }                                                                                                                 \
  /* sums of the gradient behind the ReLU, and of it times (x - mean) */                                            \
  FOR_EACH_CPU std::pair<double, double> rowGradientSums(const T* x, const T* g, int64_t n, float scale, float shift, \
                                                         float mean) {                                              \
    double sum = 0, product = 0;                                                                                    \
    for (int64_t start = 0; start < n; start += kChunk) {                                                           \
      const int64_t end = std::min(start + kChunk, n);                                                              \
      float s = 0, p = 0;                                                                                           \
      _Pragma("omp simd reduction(+ : s, p)") for (int64_t i = start; i < end; ++i) {                               \
        const float value = toFloat(x[i]);                                                               \
        const float gradient = value * scale + shift > 0 ? toFloat(g[i]) : 0.0f;                         \
        s += gradient;                                                                                              \
        p += gradient * (value - mean);                                                                             \
      }                                                                                                             \
      sum += s;                                                                                                     \
      product += p;                                                                                                 \
    }                                                                                                               \
    return {sum, product};                                                                                          \
  }                                                                                                                 \
  /* dx = a·gradient + b·x + c */                                                                                   \
  FOR_EACH_CPU void rowBackward(const T* x, const T* g, T* dx, int64_t n, float scale, float shift, float a, float b, \
                                float c) {                                                                          \
    _Pragma("omp simd") for (int64_t i = 0; i < n; ++i) {                                                           \
      const float value = toFloat(x[i]);                                                                 \
      const float gradient = value * scale + shift > 0 ? toFloat(g[i]) : 0.0f;                           \
      store(dx[i], a * gradient + b * value + c);                                                         \
    }                                                                                                               \
  }

KERNELS(float)
KERNELS(Bf16)

// What one forward pass leaves for the backward pass, per channel.
struct Channels {
  std::vector<float> mean, scale, shift, inverse;
  explicit Channels(int64_t n) : mean(n), scale(n), shift(n), inverse(n) {}
};

struct Shape {
  int64_t batch, channels, voxels;
  explicit Shape(const at::Tensor& x) : batch(x.size(0)), channels(x.size(1)), voxels(x.numel() / (x.size(0) * x.size(1))) {}
};

template <typename T>
std::vector<Moments> channelMoments(const at::Tensor& x, const Shape& s) {
  std::vector<Moments> rows(s.batch * s.channels);
  const T* data = static_cast<T*>(x.data_ptr());
  at::parallel_for(0, rows.size(), 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) rows[row] = rowMoments(data + row * s.voxels, s.voxels);
  });
  std::vector<Moments> channels(s.channels);
  for (int64_t row = 0; row < s.batch * s.channels; ++row) channels[row % s.channels].merge(rows[row]);
  return channels;
}

template <typename T>
void forward(const at::Tensor& x, at::Tensor& y, const Shape& s, const Channels& c) {
  const T* from = static_cast<T*>(x.data_ptr());
  T* to = static_cast<T*>(y.data_ptr());
  at::parallel_for(0, s.batch * s.channels, 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t channel = row % s.channels, at = row * s.voxels;
      rowForward(from + at, to + at, s.voxels, c.scale[channel], c.shift[channel]);
    }
  });
}

// statistics of this batch, or the running ones; batch statistics also move the running ones
template <typename T>
Channels statistics(const at::Tensor& x, const Shape& s, const at::Tensor& weight, const at::Tensor& bias,
                    at::Tensor& runningMean, at::Tensor& runningVar, bool training, double momentum, double eps) {
  Channels c(s.channels);
  float *meanAt = runningMean.data_ptr<float>(), *varAt = runningVar.data_ptr<float>();
  const float *weightAt = weight.data_ptr<float>(), *biasAt = bias.data_ptr<float>();
  std::vector<Moments> moments;
  if (training) moments = channelMoments<T>(x, s);
  for (int64_t i = 0; i < s.channels; ++i) {
    double mean = meanAt[i], variance = varAt[i];
    if (training) {
      const Moments& m = moments[i];
      mean = m.mean;
      variance = m.squares / m.count;
    }
    // a batch that is not finite fails its step and must not spoil the statistics of all that follow
    if (training && std::isfinite(mean) && std::isfinite(variance)) {
      const Moments& m = moments[i];
      meanAt[i] = (1 - momentum) * meanAt[i] + momentum * mean;
      varAt[i] = (1 - momentum) * varAt[i] + momentum * (m.squares / std::max(m.count - 1, 1.0));
    }
    c.mean[i] = mean;
    c.inverse[i] = 1 / std::sqrt(variance + eps);
    c.scale[i] = weightAt[i] * c.inverse[i];
    c.shift[i] = biasAt[i] - mean * c.scale[i];
  }
  return c;
}

template <typename T>
void backward(const at::Tensor& x, const at::Tensor& g, at::Tensor& dx, at::Tensor& dWeight, at::Tensor& dBias,
              const at::Tensor& perChannel, bool training) {
  const Shape s(x);
  const float *mean = perChannel.data_ptr<float>(), *scale = mean + s.channels, *shift = scale + s.channels,
              *inverse = shift + s.channels;
  const T *xAt = static_cast<T*>(x.data_ptr()), *gAt = static_cast<T*>(g.data_ptr());
  T* dxAt = static_cast<T*>(dx.data_ptr());
  const int64_t rows = s.batch * s.channels;
  std::vector<std::pair<double, double>> sums(rows);
  at::parallel_for(0, rows, 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t i = row % s.channels, at = row * s.voxels;
      sums[row] = rowGradientSums(xAt + at, gAt + at, s.voxels, scale[i], shift[i], mean[i]);
    }
  });
  std::vector<double> sum(s.channels), product(s.channels);
  for (int64_t row = 0; row < rows; ++row) {
    sum[row % s.channels] += sums[row].first;
    product[row % s.channels] += sums[row].second;
  }
  for (int64_t i = 0; i < s.channels; ++i) {
    dBias.data_ptr<float>()[i] = sum[i];
    dWeight.data_ptr<float>()[i] = product[i] * inverse[i];
  }
  const double count = double(s.batch) * s.voxels;
  at::parallel_for(0, rows, 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t i = row % s.channels, at = row * s.voxels;
      double b = 0, c = 0;
      if (training) {
        // dx = scale · (gradient - mean(gradient) - x̂ · mean(gradient · x̂))
        b = -scale[i] * product[i] * inverse[i] * inverse[i] / count;
        c = -scale[i] * sum[i] / count - b * mean[i];
      }
      rowBackward(xAt + at, gAt + at, dxAt + at, s.voxels, scale[i], shift[i], scale[i], b, c);
    }
  });
}

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct BatchNormRelu : torch::autograd::Function<BatchNormRelu> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& given, const at::Tensor& weight,
                            const at::Tensor& bias, at::Tensor runningMean, at::Tensor runningVar, bool training,
                            double momentum, double eps) {
    const at::Tensor x = given.contiguous();
    const Shape s(x);
    at::Tensor y = at::empty_like(x);
    at::Tensor perChannel = at::empty({4, s.channels}, x.options().dtype(at::kFloat));
    withElementType(x, [&](auto element) {
      using scalar_t = decltype(element);
      const Channels c = statistics<scalar_t>(x, s, weight, bias, runningMean, runningVar, training, momentum, eps);
      ::forward<scalar_t>(x, y, s, c);
      float* to = perChannel.data_ptr<float>();
      for (const auto* values : {&c.mean, &c.scale, &c.shift, &c.inverse}) to = std::copy(values->begin(), values->end(), to);
    });
    context->save_for_backward({x, perChannel});
    context->saved_data["training"] = training;
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &perChannel = saved[1];
    const at::Tensor g = gradients[0].to(x.scalar_type()).contiguous();
    at::Tensor dx = at::empty_like(x);
    at::Tensor dWeight = at::empty({x.size(1)}, perChannel.options()), dBias = at::empty_like(dWeight);
    const bool training = context->saved_data["training"].toBool();
    withElementType(x, [&](auto element) {
      using scalar_t = decltype(element);
      ::backward<scalar_t>(x, g, dx, dWeight, dBias, perChannel, training);
    });
    return {dx, dWeight, dBias, {}, {}, {}, {}, {}};
  }
};

bool fits(const at::Tensor& x, std::initializer_list<at::Tensor> perChannel) {
  if (!x.device().is_cpu() || x.dim() < 3 || x.numel() == 0) return false;
  if (x.scalar_type() != at::kFloat && x.scalar_type() != at::kBFloat16) return false;
  for (const at::Tensor& t : perChannel) {
    if (!t.device().is_cpu() || t.scalar_type() != at::kFloat || !t.is_contiguous() || t.numel() != x.size(1)) return false;
  }
  return true;
}

// with libtorch's operators, for other devices and types; running statistics move by finite ones alone there, too
at::Tensor byOperators(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, at::Tensor& runningMean,
                       at::Tensor& runningVar, bool training, double momentum, double eps) {
  const at::Tensor mean = runningMean.clone(), var = runningVar.clone();
  const at::Tensor y = at::batch_norm(x, weight, bias, mean, var, training, momentum, eps, true).relu();
  if (training) {
    const at::NoGradGuard noGrad;
    runningMean.copy_(at::where(mean.isfinite(), mean, runningMean));
    runningVar.copy_(at::where(var.isfinite(), var, runningVar));
  }
  return y;
}

at::Tensor batchNormRelu(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, at::Tensor runningMean,
                         at::Tensor runningVar, bool training, double momentum, double eps) {
  if (fits(x, {weight, bias, runningMean, runningVar})) {
    return BatchNormRelu::apply(x, weight, bias, runningMean, runningVar, training, momentum, eps);
  }
  return byOperators(x, weight, bias, runningMean, runningVar, training, momentum, eps);
}

}  // namespace

TORCH_LIBRARY(penumbra, library) {
  library.def(
      "batch_norm_relu(Tensor x, Tensor weight, Tensor bias, Tensor(a!) running_mean, Tensor(b!) running_var, "
      "bool training, float momentum, float eps) -> Tensor",
      &batchNormRelu);
}
