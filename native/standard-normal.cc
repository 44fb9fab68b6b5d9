// penumbra::standard_normal: normal draws by all threads. libtorch draws them one after another from one generator; here a
// counter takes its place (Philox 4x32-10, Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"), keyed by one draw
// from the default generator, so that the same seed gives the same numbers for any number of threads. Pairs of
// uniform numbers become pairs of normal ones (Box & Muller 1958).
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

#include <cmath>
#include <cstring>

#include "for-each-cpu.h"

namespace {

constexpr int64_t kCounters = 256;  // at a time, four numbers from each
constexpr int64_t kBlock = 4 * kCounters;

// ten rounds over the counters first, first + 1, ...: four words each, x[word][counter]
FOR_EACH_CPU void philox(uint64_t first, uint64_t key, uint32_t x[4][kCounters]) {
#pragma omp simd
  for (int64_t i = 0; i < kCounters; ++i) {
    uint32_t a = uint32_t(first + i), b = uint32_t((first + i) >> 32), c = 0, d = 0;
    uint32_t k0 = uint32_t(key), k1 = uint32_t(key >> 32);
    for (int round = 0; round < 10; ++round) {
      const uint64_t p = uint64_t(0xD2511F53u) * a, q = uint64_t(0xCD9E8D57u) * c;
      a = uint32_t(q >> 32) ^ b ^ k0;
      b = uint32_t(q);
      c = uint32_t(p >> 32) ^ d ^ k1;
      d = uint32_t(p);
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    x[0][i] = a, x[1][i] = b, x[2][i] = c, x[3][i] = d;
  }
}

// log x for x from 2^-32 to 1: Cephes' polynomial
inline float logarithm(float x) {
  int32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  const int32_t exponent = (bits - 0x3f3504f3) >> 23;  // so that the rest lies between sqrt(1/2) and sqrt(2)
  bits -= exponent * (1 << 23);
  float m;
  std::memcpy(&m, &bits, sizeof m);
  const float f = m - 1.0f, z = f * f, e = float(exponent);
  float p = 7.0376836292e-2f;
  p = p * f - 1.1514610310e-1f;
  p = p * f + 1.1676998740e-1f;
  p = p * f - 1.2420140846e-1f;
  p = p * f + 1.4249322787e-1f;
  p = p * f - 1.6668057665e-1f;
  p = p * f + 2.0000714765e-1f;
  p = p * f - 2.4999993993e-1f;
  p = p * f + 3.3333331174e-1f;
  return f + (p * f * z - 0.5f * z) + e * 0.693147181f;
}

// sin and cos of pi/2 · (turn + f) for a quarter turn 0 to 3 and f from -1/2 to 1/2
inline void sineAndCosine(int32_t turn, float f, float& sine, float& cosine) {
  const float x = f * 1.57079632679f, z = x * x;
  const float s = ((-1.9515295891e-4f * z + 8.3321608736e-3f) * z - 1.6666654611e-1f) * z * x + x;
  const float c = ((2.443315711809948e-5f * z - 1.388731625493765e-3f) * z + 4.166664568298827e-2f) * z * z - 0.5f * z + 1.0f;
  const float isOdd = float(turn & 1), isEven = 1.0f - isOdd;
  const float signOfSine = 1.0f - float(turn & 2), signOfCosine = 1.0f - float((turn + 1) & 2);
  sine = signOfSine * (isEven * s + isOdd * c);
  cosine = signOfCosine * (isEven * c + isOdd * s);
}

FOR_EACH_CPU void toNormal(const uint32_t* u, const uint32_t* v, float* cosines, float* sines) {
#pragma omp simd
  for (int64_t i = 0; i < kCounters; ++i) {
    const float uniform = (float(int32_t(u[i] >> 1)) + 0.5f) * 4.656612873e-10f;  // above 0, at most 1
    const float radius = std::sqrt(-2.0f * logarithm(uniform));
    const int32_t angle = int32_t(v[i] >> 8);  // 2^24 steps to a full turn
    const int32_t turn = (angle + (1 << 21)) >> 22;
    float sine, cosine;
    sineAndCosine(turn, float(angle - (turn << 22)) * 2.384185791e-7f, sine, cosine);
    cosines[i] = radius * cosine;
    sines[i] = radius * sine;
  }
}

uint64_t drawKey() {
  auto generator = at::globalContext().defaultGenerator(at::kCPU);
  std::lock_guard<std::mutex> lock(generator.mutex());
  return generator.get<at::CPUGeneratorImpl>()->random64();
}

at::Tensor standardNormal(at::IntArrayRef shape) {
  at::Tensor result = at::empty(shape, at::kFloat);
  const uint64_t key = drawKey();
  const int64_t n = result.numel(), blocks = (n + kBlock - 1) / kBlock;
  float* to = result.data_ptr<float>();
  at::parallel_for(0, blocks, 16, [&](int64_t begin, int64_t end) {
    uint32_t words[4][kCounters];
    float numbers[kBlock];
    for (int64_t i = begin; i < end; ++i) {
      philox(uint64_t(i) * kCounters, key, words);
      toNormal(words[0], words[1], numbers, numbers + kCounters);
      toNormal(words[2], words[3], numbers + 2 * kCounters, numbers + 3 * kCounters);
      const int64_t start = i * kBlock;
      std::memcpy(to + start, numbers, sizeof(float) * std::min(kBlock, n - start));
    }
  });
  return result;
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(penumbra, library) {
  library.def("standard_normal(int[] shape) -> Tensor", &standardNormal);
}
