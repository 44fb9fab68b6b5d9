// penumbra::conv3d_same: a 3x3x3 convolution with padding 1, whose weight gradient has a kernel of its own where oneDNN
// has none for the processor: without AVX-512 it falls back to matrix products over unfolded patches, which takes a
// fifth of a training step. One float32 image goes to oneDNN at every size where no gradient, or only ours, is asked for:
// libtorch itself unfolds small ones, as the deep levels of a sliding window's patch are. Every other case is libtorch's.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>
#include <torch/version.h>

#include <vector>

#if defined(__x86_64__) && defined(__GNUC__)
#define HAS_KERNEL 1
#include <immintrin.h>
#else
#define HAS_KERNEL 0
#endif

namespace {

#if HAS_KERNEL
#define AVX2 __attribute__((target("avx2,fma")))

constexpr int64_t kOut = 4;        // output channels at a time: 4 x 3 accumulators stay in registers
constexpr int64_t kVectors = 128;  // vectors of a row block, about: small enough for the cache, long enough to sum in

struct Sizes {
  int64_t batch, in, out, d, h, w;
  int64_t plane() const { return h * w; }
  int64_t volume() const { return d * h * w; }
};

struct Block {
  int64_t batch, z0, z1, y0, y1;
};

AVX2 inline float sumOf(__m256 v) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

// sums[o][kx] += Σ_x g_o[x] · row[x + kx - 1] over one row of w voxels; what lies outside the row counts as 0
AVX2 inline void addRow(const float* const g[kOut], const float* row, int64_t w, __m256 sums[kOut][3]) {
  const __m256 zero = _mm256_setzero_ps();
  const __m256i up = _mm256_setr_epi32(0, 0, 1, 2, 3, 4, 5, 6), down = _mm256_setr_epi32(1, 2, 3, 4, 5, 6, 7, 7);
  for (int64_t x = 0; x < w; x += 8) {
    const __m256 centre = _mm256_loadu_ps(row + x);
    const __m256 before = x > 0 ? _mm256_loadu_ps(row + x - 1)
                                : _mm256_blend_ps(_mm256_permutevar8x32_ps(centre, up), zero, 0x01);
    const __m256 after = x + 8 < w ? _mm256_loadu_ps(row + x + 1)
                                   : _mm256_blend_ps(_mm256_permutevar8x32_ps(centre, down), zero, 0x80);
    for (int64_t o = 0; o < kOut; ++o) {
      const __m256 gradient = _mm256_loadu_ps(g[o] + x);
      sums[o][0] = _mm256_fmadd_ps(gradient, before, sums[o][0]);
      sums[o][1] = _mm256_fmadd_ps(gradient, centre, sums[o][1]);
      sums[o][2] = _mm256_fmadd_ps(gradient, after, sums[o][2]);
    }
  }
}

// weights [out,in,3,3,3] += the part of the gradient that comes from one block of output rows
AVX2 void addBlock(const float* x, const float* g, const Sizes& s, const Block& block, float* weights) {
  for (int64_t o = 0; o < s.out; o += kOut) {
    for (int64_t i = 0; i < s.in; ++i) {
      const float* input = x + (block.batch * s.in + i) * s.volume();
      for (int64_t kz = 0; kz < 3; ++kz) {
        const int64_t z0 = std::max<int64_t>(block.z0, 1 - kz), z1 = std::min<int64_t>(block.z1, s.d + 1 - kz);
        for (int64_t ky = 0; ky < 3; ++ky) {
          const int64_t y0 = std::max<int64_t>(block.y0, 1 - ky), y1 = std::min<int64_t>(block.y1, s.h + 1 - ky);
          __m256 sums[kOut][3];
          for (auto& row : sums)
            for (auto& sum : row) sum = _mm256_setzero_ps();
          for (int64_t z = z0; z < z1; ++z) {
            for (int64_t y = y0; y < y1; ++y) {
              const float* gradient = g + (block.batch * s.out + o) * s.volume() + z * s.plane() + y * s.w;
              const float* const rows[kOut] = {gradient, gradient + s.volume(), gradient + 2 * s.volume(),
                                               gradient + 3 * s.volume()};
              addRow(rows, input + (z + kz - 1) * s.plane() + (y + ky - 1) * s.w, s.w, sums);
            }
          }
          for (int64_t j = 0; j < kOut; ++j) {
            float* to = weights + ((((o + j) * s.in + i) * 3 + kz) * 3 + ky) * 3;
            for (int64_t kx = 0; kx < 3; ++kx) to[kx] += sumOf(sums[j][kx]);
          }
        }
      }
    }
  }
}

std::vector<Block> blocksOf(const Sizes& s) {
  const int64_t rows = std::max<int64_t>(1, kVectors * 8 / s.w);
  const int64_t ny = std::min(rows, s.h), nz = std::max<int64_t>(1, rows / s.h);
  std::vector<Block> blocks;
  for (int64_t b = 0; b < s.batch; ++b)
    for (int64_t z = 0; z < s.d; z += nz)
      for (int64_t y = 0; y < s.h; y += ny) blocks.push_back({b, z, std::min(z + nz, s.d), y, std::min(y + ny, s.h)});
  return blocks;
}

at::Tensor weightGradient(const at::Tensor& x, const at::Tensor& g) {
  const Sizes s{x.size(0), x.size(1), g.size(1), x.size(2), x.size(3), x.size(4)};
  const std::vector<Block> blocks = blocksOf(s);
  const int64_t parts = std::min<int64_t>(at::get_num_threads(), blocks.size());
  at::Tensor sums = at::zeros({parts, s.out, s.in, 3, 3, 3}, x.options());
  const float *xAt = x.data_ptr<float>(), *gAt = g.data_ptr<float>();
  float* to = sums.data_ptr<float>();
  at::parallel_for(0, parts, 1, [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; ++part) {
      const int64_t first = blocks.size() * part / parts, last = blocks.size() * (part + 1) / parts;
      for (int64_t i = first; i < last; ++i) addBlock(xAt, gAt, s, blocks[i], to + part * s.out * s.in * 27);
    }
  });
  return sums.sum(0);
}

bool isFloatVolume(const at::Tensor& x, const at::Tensor& weight) {
  return x.device().is_cpu() && x.scalar_type() == at::kFloat && weight.scalar_type() == at::kFloat && x.dim() == 5 &&
         x.numel() > 0;
}

bool kernelFits(const at::Tensor& x, const at::Tensor& weight) {
  static const bool wanted = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && !__builtin_cpu_supports("avx512f");
  return wanted && isFloatVolume(x, weight) && weight.sizes().slice(1) == at::IntArrayRef{x.size(1), 3, 3, 3} &&
         x.size(4) % 8 == 0 && weight.size(0) % kOut == 0 && weight.size(0) <= 64;
}

bool isForOneDnn(const at::Tensor& x, const at::Tensor& weight) {
  const at::Context& context = at::globalContext();
  return context.hasMKLDNN() && context.userEnabledMkldnn() && isFloatVolume(x, weight) && x.size(0) == 1;
}
#else
at::Tensor weightGradient(const at::Tensor&, const at::Tensor&) { TORCH_CHECK(false, "no kernel for this processor"); }
bool kernelFits(const at::Tensor&, const at::Tensor&) { return false; }
bool isForOneDnn(const at::Tensor&, const at::Tensor&) { return false; }
#endif

bool autocastOn() {
#if TORCH_VERSION_MAJOR >= 2
  return at::autocast::is_autocast_enabled(at::kCPU);
#else
  return at::autocast::is_cpu_enabled();
#endif
}

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

const std::vector<int64_t> kOne{1, 1, 1}, kZero{0, 0, 0};

at::Tensor convolved(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  if (isForOneDnn(x, weight)) return at::mkldnn_convolution(x.contiguous(), weight, bias, kOne, kOne, kOne, 1);
  return at::conv3d(x, weight, bias, kOne, kOne);
}

struct Conv3dSame : torch::autograd::Function<Conv3dSame> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& given, const at::Tensor& weight,
                            const at::Tensor& bias) {
    const at::Tensor x = given.contiguous();
    context->save_for_backward({x, weight});
    return convolved(x, weight, bias);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1];
    const at::Tensor g = gradients[0].contiguous();
    at::Tensor dx;
    if (context->needs_input_grad(0)) {
      dx = std::get<0>(at::convolution_backward(g, x, weight, at::OptionalIntArrayRef(), kOne, kOne, kOne, false, kZero, 1,
                                                {true, false, false}));
    }
    return {dx, weightGradient(x, g), g.sum({0, 2, 3, 4})};
  }
};

at::Tensor conv3dSame(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  if (autocastOn()) return at::conv3d(x, weight, bias, kOne, kOne);
  if (!at::GradMode::is_enabled()) return convolved(x, weight, bias);
  return kernelFits(x, weight) ? Conv3dSame::apply(x, weight, bias) : at::conv3d(x, weight, bias, kOne, kOne);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(penumbra, library) {
  library.def("conv3d_same(Tensor x, Tensor weight, Tensor bias) -> Tensor", &conv3dSame);
}
