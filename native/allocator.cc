// A CPU allocator that keeps what it has. A training step asks for the same sizes again and again; malloc gives big
// blocks back to the system at once, and the page faults of the next ones cost up to half of a step. Tensors from 256 KB
// on lie in one range of addresses: the smallest hole that fits is cut, neighbouring holes are joined, and no page goes
// back to the system before `trim`. Smaller ones go to malloc, and so do those that the range has no room for: a
// system that limits addresses or does not overcommit gives a small range or none.
#include <c10/core/CPUAllocator.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>
#include <set>
#include <unordered_map>

#include "support.h"

namespace penumbra {
namespace {

constexpr size_t kLarge = size_t(1) << 18;
constexpr size_t kHuge = size_t(2) << 20;

// What the system hands out and takes back at a time: 4 KB, on some ARM systems 64 KB.
size_t pageSize() {
  static const size_t size = size_t(sysconf(_SC_PAGESIZE));
  return size;
}

// Addresses, not memory: pages become memory when they are first written.
struct Range {
  char* begin = nullptr;
  size_t size = 0;
};

Range reserve() {
  size_t most = 4 * size_t(sysconf(_SC_PHYS_PAGES)) * pageSize();
  rlimit addresses{};
  // under a limit, as schedulers set one, others need theirs: threads' stacks, V8's heaps, arrays of JavaScript
  if (getrlimit(RLIMIT_AS, &addresses) == 0 && addresses.rlim_cur != RLIM_INFINITY)
    most = std::min(most, size_t(addresses.rlim_cur) / 2);
  for (size_t size = most / kHuge * kHuge; size >= kHuge; size /= 2) {
    void* begin = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (begin == MAP_FAILED) continue;
#ifdef MADV_HUGEPAGE
    madvise(begin, size, MADV_HUGEPAGE);
#endif
    return {static_cast<char*>(begin), size};
  }
  return {};
}

class Arena {
 public:
  Arena() : range_(reserve()) {}

  // null where the range has no room
  void* take(size_t bytes) {
    const size_t size = (bytes + pageSize() - 1) / pageSize() * pageSize();
    std::lock_guard<std::mutex> lock(mutex_);
    char* block = fromHole(size);
    if (!block) block = fromTop(size);
    if (!block) return nullptr;
    taken_[block] = size;
    current_ += size;
    peak_ = std::max(peak_, current_);
    return block;
  }

  // false where the block is not from here
  bool give(void* data) {
    char* block = static_cast<char*>(data);
    if (block < range_.begin || block >= range_.begin + range_.size) return false;
    std::lock_guard<std::mutex> lock(mutex_);
    const auto known = taken_.find(block);
    if (known == taken_.end()) return false;
    const size_t size = known->second;
    taken_.erase(known);
    current_ -= size;
    join(block, size);
    return true;
  }

  // Pages that no tensor lies on go back to the system.
  void trim() {
    std::lock_guard<std::mutex> lock(mutex_);
    for (const auto& [hole, size] : holes_) madvise(hole, size, MADV_DONTNEED);
    madvise(range_.begin + top_, touched_ - top_, MADV_DONTNEED);
    touched_ = top_;
  }

  AllocatorFigures figures() {
    std::lock_guard<std::mutex> lock(mutex_);
    return {int64_t(current_), int64_t(peak_), int64_t(touched_ - current_)};
  }

  void resetPeak() {
    std::lock_guard<std::mutex> lock(mutex_);
    peak_ = current_;
  }

 private:
  char* fromHole(size_t size) {
    const auto found = bySize_.lower_bound({size, nullptr});
    if (found == bySize_.end()) return nullptr;
    const auto [whole, hole] = *found;
    forget(hole, whole);
    if (whole > size) remember(hole + size, whole - size);
    return hole;
  }

  char* fromTop(size_t size) {
    if (size > range_.size - top_) return nullptr;
    char* block = range_.begin + top_;
    top_ += size;
    touched_ = std::max(touched_, top_);
    return block;
  }

  // A block becomes a hole, one with the holes on both sides; at the top it is no hole but free again.
  void join(char* block, size_t size) {
    auto after = holes_.lower_bound(block);
    if (after != holes_.end() && after->first == block + size) {
      const size_t more = after->second;
      forget(block + size, more);
      size += more;
      after = holes_.lower_bound(block);
    }
    if (after != holes_.begin()) {
      const auto [before, more] = *std::prev(after);
      if (before + more == block) {
        forget(before, more);
        block = before;
        size += more;
      }
    }
    if (block + size == range_.begin + top_) top_ -= size;
    else remember(block, size);
  }

  void remember(char* hole, size_t size) {
    holes_[hole] = size;
    bySize_.insert({size, hole});
  }
  void forget(char* hole, size_t size) {
    holes_.erase(hole);
    bySize_.erase({size, hole});
  }

  std::mutex mutex_;
  const Range range_;
  std::map<char*, size_t> holes_;
  std::set<std::pair<size_t, char*>> bySize_;
  std::unordered_map<char*, size_t> taken_;
  size_t top_ = 0, touched_ = 0;  // ends of what is in use and of what was ever, from the range's begin
  size_t current_ = 0, peak_ = 0;
};

Arena& arena() {
  static Arena* arena = new Arena();  // outlives every tensor, also at exit
  return *arena;
}

// One deleter for both kinds: libtorch's oneDNN bridge asks for raw memory and frees it by `raw_deleter`.
void release(void* data) {
  if (!arena().give(data)) std::free(data);
}

struct ArenaAllocator final : c10::Allocator {
#if TORCH_VERSION_MAJOR >= 2
  c10::DataPtr allocate(size_t bytes) override { return take(bytes); }
  void copy_data(void* to, const void* from, size_t bytes) const override { default_copy_data(to, from, bytes); }
#else
  c10::DataPtr allocate(size_t bytes) const override { return take(bytes); }
#endif
  static c10::DataPtr take(size_t bytes) {
    void* data = bytes >= kLarge ? arena().take(bytes) : nullptr;
    if (!data && bytes > 0 && posix_memalign(&data, 64, bytes) != 0) {
      throw BadCall("out of memory: " + std::to_string(bytes >> 20) + " MB asked for, " +
                    std::to_string(arena().figures().current >> 20) + " MB in use by tensors");
    }
    return {data, data, &release, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
};

}  // namespace

void installAllocator() {
  static ArenaAllocator allocator;
  c10::SetCPUAllocator(&allocator, 1);
}
AllocatorFigures allocatorFigures() { return arena().figures(); }
void resetAllocatorPeak() { arena().resetPeak(); }
void trimAllocator() { arena().trim(); }

}  // namespace penumbra
