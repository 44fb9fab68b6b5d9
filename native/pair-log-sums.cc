// penumbra::pair_log_sums: for rows f [N,K], Σ_i w_i · log Σ_{j≠i} exp(f_i·f_j/τ) and τ times its gradient [N,K]. The matrix
// of pairs is symmetric, so all sums run down its columns: a block of columns meets all rows, a few at a time, while it
// stays in the nearest cache. No N x N matrix ever exists, and no result depends on the number of threads.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

#include <cmath>
#include <vector>

#include "exponential.h"
#include "for-each-cpu.h"

namespace {

using penumbra::exponential;

constexpr int64_t kRows = 4;       // rows of a tile
constexpr int64_t kColumns = 256;  // columns of a block
constexpr float kNone = -1e30f;    // less than any similarity

struct Problem {
  int64_t n, k, blocks;  // k: a multiple of 4
  const float* rows;     // [n,k]
  const float* columns;  // [blocks,k,kColumns]: transposed, and each block in one piece
  float inverseTau;
  int64_t start(int64_t column) const { return column * k; }  // of a block, whose first column is given
};

// f_i·f_j/τ of the rows from `row` on (zero from the n-th on) with a block of columns
FOR_EACH_CPU void similarities(const Problem& p, int64_t row, int64_t column, float s[kRows][kColumns]) {
  for (int64_t r = 0; r < kRows; ++r)
    for (int64_t j = 0; j < kColumns; ++j) s[r][j] = 0;
  float a[kRows][4];
  for (int64_t k = 0; k < p.k; k += 4) {
    for (int64_t r = 0; r < kRows; ++r)
      for (int64_t i = 0; i < 4; ++i) a[r][i] = row + r < p.n ? p.rows[(row + r) * p.k + k + i] * p.inverseTau : 0.0f;
    const float* x = p.columns + p.start(column) + k * kColumns;
    const float *x1 = x + kColumns, *x2 = x1 + kColumns, *x3 = x2 + kColumns;
#pragma omp simd
    for (int64_t j = 0; j < kColumns; ++j) {
      s[0][j] += a[0][0] * x[j] + a[0][1] * x1[j] + a[0][2] * x2[j] + a[0][3] * x3[j];
      s[1][j] += a[1][0] * x[j] + a[1][1] * x1[j] + a[1][2] * x2[j] + a[1][3] * x3[j];
      s[2][j] += a[2][0] * x[j] + a[2][1] * x1[j] + a[2][2] * x2[j] + a[2][3] * x3[j];
      s[3][j] += a[3][0] * x[j] + a[3][1] * x1[j] + a[3][2] * x2[j] + a[3][3] * x3[j];
    }
  }
  for (int64_t r = 0; r < kRows; ++r) {
    // no part of any sum: an anchor with itself, and rows past the end
    if (row + r >= p.n) std::fill(s[r], s[r] + kColumns, kNone);
    else if (row + r >= column && row + r < column + kColumns) s[r][row + r - column] = kNone;
  }
}

// Σ_i exp(s_ij) = sum · exp(most), the largest so far kept beside the sum
FOR_EACH_CPU void addExponentials(const float s[kRows][kColumns], float* most, float* sum) {
#pragma omp simd
  for (int64_t j = 0; j < kColumns; ++j) {
    float top = most[j];
    for (int64_t r = 0; r < kRows; ++r) top = s[r][j] > top ? s[r][j] : top;
    float total = sum[j] * exponential(most[j] - top);
    for (int64_t r = 0; r < kRows; ++r) total += exponential(s[r][j] - top);
    sum[j] = total;
    most[j] = top;
  }
}

// s_ij becomes how much the pair weighs in the gradient: w_i softmax_i(j) + w_j softmax_j(i)
FOR_EACH_CPU void pairWeights(float s[kRows][kColumns], const float* rowWeights, const float* rowLogs,
                              const float* columnWeights, const float* columnLogs) {
  for (int64_t r = 0; r < kRows; ++r) {
    const float weight = rowWeights[r], logSum = rowLogs[r];
#pragma omp simd
    for (int64_t j = 0; j < kColumns; ++j)
      s[r][j] = weight * exponential(s[r][j] - logSum) + columnWeights[j] * exponential(s[r][j] - columnLogs[j]);
  }
}

// the block's gradient [k,kColumns] += Σ_r s[r][j] · row_r[k]
FOR_EACH_CPU void addGradient(const Problem& p, int64_t row, const float s[kRows][kColumns], float* gradient) {
  const float* at[kRows];
  for (int64_t r = 0; r < kRows; ++r) at[r] = p.rows + std::min(row + r, p.n - 1) * p.k;  // its weight is 0 past the end
  for (int64_t k = 0; k < p.k; ++k) {
    float* to = gradient + k * kColumns;
    const float a0 = at[0][k], a1 = at[1][k], a2 = at[2][k], a3 = at[3][k];
#pragma omp simd
    for (int64_t j = 0; j < kColumns; ++j) to[j] += a0 * s[0][j] + a1 * s[1][j] + a2 * s[2][j] + a3 * s[3][j];
  }
}

// `body(column)` for the first column of each block
template <typename Body>
void overBlocks(const Problem& p, const Body& body) {
  at::parallel_for(0, p.blocks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) body(block * kColumns);
  });
}

// log Σ_{i≠j} exp(f_i·f_j/τ) of every column
std::vector<float> logSums(const Problem& p) {
  std::vector<float> result(p.blocks * kColumns);
  overBlocks(p, [&](int64_t column) {
    float s[kRows][kColumns], most[kColumns], sum[kColumns];
    std::fill(most, most + kColumns, kNone);
    std::fill(sum, sum + kColumns, 0.0f);
    for (int64_t row = 0; row < p.n; row += kRows) {
      similarities(p, row, column, s);
      addExponentials(s, most, sum);
    }
    for (int64_t j = 0; j < kColumns; ++j) result[column + j] = most[j] + std::log(sum[j]);
  });
  return result;
}

void addGradients(const Problem& p, const std::vector<float>& logs, const std::vector<float>& weights, float* gradient) {
  overBlocks(p, [&](int64_t column) {
    float s[kRows][kColumns];
    for (int64_t row = 0; row < p.n; row += kRows) {
      similarities(p, row, column, s);
      pairWeights(s, &weights[row], &logs[row], &weights[column], &logs[column]);
      addGradient(p, row, s, gradient + p.start(column));
    }
  });
}

std::tuple<at::Tensor, at::Tensor> pairLogSums(const at::Tensor& features, const at::Tensor& weights, double tau) {
  TORCH_CHECK(features.dim() == 2 && features.scalar_type() == at::kFloat && features.device().is_cpu(),
              "pair_log_sums wants float32 rows [N,K] on the CPU, got ", features.sizes());
  TORCH_CHECK(weights.numel() == features.size(0) && weights.scalar_type() == at::kFloat && weights.device().is_cpu(),
              "pair_log_sums wants one float32 weight on the CPU for each of the ", features.size(0), " rows");
  const int64_t n = features.size(0), k = features.size(1);
  const int64_t padded = (k + 3) / 4 * 4, blocks = (n + kColumns - 1) / kColumns;
  const at::Tensor rows = at::constant_pad_nd(features, {0, padded - k, 0, blocks * kColumns - n}).contiguous();
  const at::Tensor columns = rows.view({blocks, kColumns, padded}).transpose(1, 2).contiguous(), w = weights.contiguous();
  const Problem problem{n, padded, blocks, rows.data_ptr<float>(), columns.data_ptr<float>(), float(1 / tau)};
  const std::vector<float> logs = logSums(problem);
  std::vector<float> all(logs.size());
  std::copy(w.data_ptr<float>(), w.data_ptr<float>() + n, all.begin());
  double value = 0;
  for (int64_t i = 0; i < n; ++i) value += all[i] == 0 ? 0 : double(all[i]) * logs[i];
  const at::Tensor gradient = at::zeros_like(columns);
  addGradients(problem, logs, all, gradient.data_ptr<float>());
  return {at::scalar_tensor(value, rows.options()), gradient.transpose(1, 2).reshape({-1, padded}).slice(0, 0, n).slice(1, 0, k).contiguous()};
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(penumbra, library) {
  library.def("pair_log_sums(Tensor rows, Tensor weights, float temperature) -> (Tensor, Tensor)", &pairLogSums);
}
