// penumbra::pair_log_sums: for rows f [N,K], Σ_i w_i · log Σ_{j≠i} exp(f_i·f_j/τ) and τ times its gradient [N,K], in one
// pass over the pairs. A tile of rows meets all columns while both stay in the cache; no N x N matrix ever exists.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

#include <array>
#include <cmath>
#include <cstring>
#include <vector>

#include "exponential.h"
#include "for-each-cpu.h"

namespace {

using penumbra::exponential;

constexpr int64_t kRows = 4;  // rows of a tile

struct Problem {
  int64_t n, k, stride;   // stride: columns of the transposed copy, a multiple of 16
  const float* rows;      // [n,k]
  const float* columns;   // [k,stride], transposed
  const float* weights;   // [n]
  float inverseTau;
};

// similarities of one tile: s[r][j] = rows_r · column_j
FOR_EACH_CPU void similarities(const Problem& p, const float* const rows[kRows], float* s) {
  std::memset(s, 0, sizeof(float) * kRows * p.stride);
  float *s0 = s, *s1 = s + p.stride, *s2 = s1 + p.stride, *s3 = s2 + p.stride;
  int64_t k = 0;
  for (; k + 1 < p.k; k += 2) {
    const float *x = p.columns + k * p.stride, *y = x + p.stride;
    const float a0 = rows[0][k], a1 = rows[1][k], a2 = rows[2][k], a3 = rows[3][k];
    const float b0 = rows[0][k + 1], b1 = rows[1][k + 1], b2 = rows[2][k + 1], b3 = rows[3][k + 1];
#pragma omp simd
    for (int64_t j = 0; j < p.stride; ++j) {
      s0[j] += a0 * x[j] + b0 * y[j];
      s1[j] += a1 * x[j] + b1 * y[j];
      s2[j] += a2 * x[j] + b2 * y[j];
      s3[j] += a3 * x[j] + b3 * y[j];
    }
  }
  for (; k < p.k; ++k) {
    const float* x = p.columns + k * p.stride;
    for (int64_t r = 0; r < kRows; ++r) {
      const float a = rows[r][k];
      float* to = s + r * p.stride;
#pragma omp simd
      for (int64_t j = 0; j < p.stride; ++j) to[j] += a * x[j];
    }
  }
}

FOR_EACH_CPU float largest(const float* s, int64_t n) {
  float most = -INFINITY;
#pragma omp simd reduction(max : most)
  for (int64_t j = 0; j < n; ++j) most = s[j] > most ? s[j] : most;
  return most;
}

// s <- exp((s - most) / τ), returns the sum; in chunks, so that a long sum keeps its digits
FOR_EACH_CPU double exponentials(float* s, int64_t n, float most, float inverseTau) {
  double total = 0;
  for (int64_t start = 0; start < n; start += 1024) {
    const int64_t end = start + 1024 < n ? start + 1024 : n;
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = start; j < end; ++j) {
      s[j] = exponential((s[j] - most) * inverseTau);
      sum += s[j];
    }
    total += sum;
  }
  return total;
}

// gradient of the rows: Σ_j share_r e_rj column_j; and of the columns: Σ_r share_r e_rj row_r
FOR_EACH_CPU void gradients(const Problem& p, const float* const rows[kRows], const float* e, const float share[kRows],
                            float rowGradient[][kRows], float* columnGradient) {
  const float *e0 = e, *e1 = e + p.stride, *e2 = e1 + p.stride, *e3 = e2 + p.stride;
  for (int64_t k = 0; k < p.k; ++k) {
    const float* x = p.columns + k * p.stride;
    float* to = columnGradient + k * p.stride;
    const float a0 = share[0] * rows[0][k], a1 = share[1] * rows[1][k], a2 = share[2] * rows[2][k],
                a3 = share[3] * rows[3][k];
    float g0 = 0, g1 = 0, g2 = 0, g3 = 0;
#pragma omp simd reduction(+ : g0, g1, g2, g3)
    for (int64_t j = 0; j < p.stride; ++j) {
      g0 += e0[j] * x[j];
      g1 += e1[j] * x[j];
      g2 += e2[j] * x[j];
      g3 += e3[j] * x[j];
      to[j] += a0 * e0[j] + a1 * e1[j] + a2 * e2[j] + a3 * e3[j];
    }
    rowGradient[k][0] = share[0] * g0;
    rowGradient[k][1] = share[1] * g1;
    rowGradient[k][2] = share[2] * g2;
    rowGradient[k][3] = share[3] * g3;
  }
}

// rows [begin, end): adds to `gradient` [n,k] for its rows, to `columnGradient` [k,stride]; returns Σ w log sum
double sumRows(const Problem& p, int64_t begin, int64_t end, float* gradient, float* columnGradient) {
  std::vector<float> s(kRows * p.stride);
  std::vector<float> zeros(p.k, 0.0f);
  std::vector<std::array<float, kRows>> rowGradient(p.k);
  double value = 0;
  for (int64_t start = begin; start < end; start += kRows) {
    const float* rows[kRows];
    float share[kRows];
    for (int64_t r = 0; r < kRows; ++r) rows[r] = start + r < end ? p.rows + (start + r) * p.k : zeros.data();
    similarities(p, rows, s.data());
    for (int64_t r = 0; r < kRows; ++r) {
      float* row = s.data() + r * p.stride;
      share[r] = 0;
      if (start + r >= end) {
        std::fill(row, row + p.stride, 0.0f);
        continue;
      }
      const int64_t i = start + r;
      row[i] = -INFINITY;  // the anchor itself: no part of the sum
      std::fill(row + p.n, row + p.stride, -INFINITY);
      const float most = largest(row, p.n);
      const double sum = exponentials(row, p.stride, most, p.inverseTau);
      value += p.weights[i] * (std::log(sum) + double(most) * p.inverseTau);
      share[r] = p.weights[i] / sum;
    }
    gradients(p, rows, s.data(), share, reinterpret_cast<float(*)[kRows]>(rowGradient.data()), columnGradient);
    for (int64_t r = 0; r < kRows && start + r < end; ++r) {
      for (int64_t k = 0; k < p.k; ++k) gradient[(start + r) * p.k + k] += rowGradient[k][r];
    }
  }
  return value;
}

std::tuple<at::Tensor, at::Tensor> pairLogSums(const at::Tensor& features, const at::Tensor& weights, double tau) {
  TORCH_CHECK(features.dim() == 2 && features.scalar_type() == at::kFloat && features.device().is_cpu(),
              "pair_log_sums wants float32 rows [N,K] on the CPU, got ", features.sizes());
  TORCH_CHECK(weights.numel() == features.size(0) && weights.scalar_type() == at::kFloat,
              "pair_log_sums wants one float32 weight for each of the ", features.size(0), " rows");
  const int64_t n = features.size(0), k = features.size(1), stride = (n + 15) / 16 * 16;
  const at::Tensor f = features.contiguous(), w = weights.contiguous();
  const at::Tensor columns = at::zeros({k, stride}, f.options());
  columns.slice(1, 0, n).copy_(f.t());
  at::Tensor gradient = at::zeros({n, k}, f.options());
  const Problem problem{n, k, stride, f.data_ptr<float>(), columns.data_ptr<float>(), w.data_ptr<float>(), float(1 / tau)};
  const int64_t parts = std::max<int64_t>(1, std::min<int64_t>(at::get_num_threads(), n / kRows));
  const at::Tensor columnGradients = at::zeros({parts, k, stride}, f.options());
  std::vector<double> values(parts);
  at::parallel_for(0, parts, 1, [&](int64_t from, int64_t to) {
    for (int64_t part = from; part < to; ++part) {
      values[part] = sumRows(problem, n * part / parts, n * (part + 1) / parts, gradient.data_ptr<float>(),
                             columnGradients.data_ptr<float>() + part * k * stride);
    }
  });
  gradient.add_(columnGradients.sum(0).slice(1, 0, n).t());
  double value = 0;
  for (double v : values) value += v;
  return {at::scalar_tensor(value, f.options()), gradient};
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(penumbra, library) {
  library.def("pair_log_sums(Tensor rows, Tensor weights, float temperature) -> (Tensor, Tensor)", &pairLogSums);
}
