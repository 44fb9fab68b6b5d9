// A caching CPU allocator. A training step asks for the same sizes again and again; malloc gives big
// blocks back to the system at once, and their page faults cost 20-40 % of a step. Blocks from 1 MB on
// are 2 MB aligned (huge pages) and kept by size for the next step; smaller ones go to malloc.
#include <c10/core/CPUAllocator.h>
#include <sys/mman.h>

#include <cstdlib>
#include <map>
#include <mutex>
#include <unordered_map>

#include "support.h"

namespace penumbra {
namespace {

constexpr size_t kLarge = size_t(1) << 20;
constexpr size_t kHuge = size_t(2) << 20;

class Cache {
 public:
  void* take(size_t bytes) {
    const size_t size = roundUp(bytes);
    std::lock_guard<std::mutex> lock(mutex_);
    void* block = reuse(size);
    if (!block) block = fresh(size);
    current_ += sizes_[block];
    peak_ = std::max(peak_, current_);
    return block;
  }

  // false where the block is not from here
  bool give(void* block) {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto known = sizes_.find(block);
    if (known == sizes_.end()) return false;
    const size_t size = known->second;
    current_ -= size;
    cached_ += size;
    free_.emplace(size, block);
    return true;
  }

  void trim() {
    std::lock_guard<std::mutex> lock(mutex_);
    drop();
  }

  AllocatorFigures figures() {
    std::lock_guard<std::mutex> lock(mutex_);
    return {int64_t(current_), int64_t(peak_), int64_t(cached_)};
  }

  void resetPeak() {
    std::lock_guard<std::mutex> lock(mutex_);
    peak_ = current_;
  }

 private:
  static size_t roundUp(size_t bytes) {
    const size_t step = bytes < 4 * kHuge ? size_t(1) << 18 : kHuge;
    return (bytes + step - 1) / step * step;
  }

  // the smallest kept block that fits with at most an eighth to spare
  void* reuse(size_t size) {
    auto found = free_.lower_bound(size);
    if (found == free_.end() || found->first > size + size / 8) return nullptr;
    void* block = found->second;
    cached_ -= found->first;
    free_.erase(found);
    return block;
  }

  void* fresh(size_t size) {
    // what is kept but does not fit must not pile up beside what is in use
    if (cached_ > current_ / 4 + 64 * kHuge) drop();
    void* block = nullptr;
    if (posix_memalign(&block, kHuge, size) != 0) {
      drop();
      if (posix_memalign(&block, kHuge, size) != 0) {
        throw BadCall("out of memory: " + std::to_string(size >> 20) + " MB asked for, " +
                      std::to_string(current_ >> 20) + " MB in use by tensors");
      }
    }
#ifdef MADV_HUGEPAGE
    madvise(block, size, MADV_HUGEPAGE);
#endif
    sizes_[block] = size;
    return block;
  }

  void drop() {
    for (auto& [size, block] : free_) {
      sizes_.erase(block);
      std::free(block);
    }
    free_.clear();
    cached_ = 0;
  }

  std::mutex mutex_;
  std::multimap<size_t, void*> free_;
  std::unordered_map<void*, size_t> sizes_;
  size_t current_ = 0, peak_ = 0, cached_ = 0;
};

Cache& cache() {
  static Cache* cache = new Cache();  // outlives every tensor, also at exit
  return *cache;
}

// One deleter for both kinds: libtorch's oneDNN bridge asks for raw memory and frees it by `raw_deleter`.
void release(void* data) {
  const bool mayBeLarge = reinterpret_cast<uintptr_t>(data) % kHuge == 0;
  if (!mayBeLarge || !cache().give(data)) std::free(data);
}

struct CachingAllocator final : c10::Allocator {
#if TORCH_VERSION_MAJOR >= 2
  c10::DataPtr allocate(size_t bytes) override { return take(bytes); }
  void copy_data(void* to, const void* from, size_t bytes) const override { default_copy_data(to, from, bytes); }
#else
  c10::DataPtr allocate(size_t bytes) const override { return take(bytes); }
#endif
  static c10::DataPtr take(size_t bytes) {
    void* data = nullptr;
    if (bytes >= kLarge) {
      data = cache().take(bytes);
    } else if (bytes > 0 && posix_memalign(&data, 64, bytes) != 0) {
      throw BadCall("out of memory");
    }
    return {data, data, &release, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
};

}  // namespace

void installAllocator() {
  static CachingAllocator allocator;
  c10::SetCPUAllocator(&allocator, 1);
}
AllocatorFigures allocatorFigures() { return cache().figures(); }
void resetAllocatorPeak() { cache().resetPeak(); }
void trimAllocator() { cache().trim(); }

}  // namespace penumbra
