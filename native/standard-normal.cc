// penumbra::standard_normal: normal draws by all threads. libtorch draws them one after another; here every chunk has a
// generator of its own, seeded by one draw from the default one, so that the same seed gives the same numbers for any
// number of threads.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

namespace {

constexpr int64_t kChunk = int64_t(1) << 16;

at::Tensor standardNormal(at::IntArrayRef shape) {
  at::Tensor result = at::empty(shape, at::kFloat);
  const at::Tensor flat = result.view({-1});
  auto generator = at::globalContext().defaultGenerator(at::kCPU);
  uint64_t seed;
  {
    std::lock_guard<std::mutex> lock(generator.mutex());
    seed = generator.get<at::CPUGeneratorImpl>()->random64();
  }
  const int64_t n = flat.numel(), chunks = (n + kChunk - 1) / kChunk;
  at::parallel_for(0, chunks, 1, [&](int64_t begin, int64_t end) {
    at::NoGradGuard guard;
    for (int64_t i = begin; i < end; ++i) {
      // the seeds of mt19937 are 32 bits wide: mixed, so that neighbouring chunks of different calls do not share one
      const uint64_t mixed = (seed + uint64_t(i)) * 0x9e3779b97f4a7c15ull;
      flat.slice(0, i * kChunk, std::min(n, (i + 1) * kChunk)).normal_(0, 1, at::detail::createCPUGenerator(mixed >> 32));
    }
  });
  return result;
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(penumbra, library) {
  library.def("standard_normal(int[] shape) -> Tensor", &standardNormal);
}
