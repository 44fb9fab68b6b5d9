// A CUDA device for machines that have none: tests train on it to find code that takes the CPU for granted.
//
// It registers with a libtorch without CUDA what CUDA's libraries would: hooks, device guard, allocator, kernels. Its memory
// lies on the host but neither readable nor writable there (a stray read ends the process), and an operator that gets large
// tensors of both devices throws, as CUDA's do. Each kernel is the CPU's, on the same bytes, which are opened while it runs.
// Its random numbers come from a generator of its own, to which a seed means something else than to the CPU's. What CUDA
// computes differently, its speed and its streams are not here.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <node_api.h>
#include <sys/mman.h>
#include <torch/library.h>
#include <torch/version.h>

#include <map>
#include <mutex>

namespace {

const c10::Device kDevice(c10::kCUDA, 0);

// ---- memory

struct Block {
  size_t bytes;
  int users = 0;
};

/** Blocks by their address; the lock is held for each look, since autograd works in a thread of its own. */
struct Memory {
  std::mutex mutex;
  std::map<void*, Block> blocks;

  void* allocate(size_t bytes) {
    void* block = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    TORCH_CHECK(block != MAP_FAILED, "pretended CUDA: no ", bytes, " bytes");
    std::lock_guard<std::mutex> lock(mutex);
    blocks[block] = {bytes};
    return block;
  }
  void release(void* block) {
    std::lock_guard<std::mutex> lock(mutex);
    const auto found = blocks.find(block);
    munmap(block, found->second.bytes);
    blocks.erase(found);
  }
  void use(void* block, int change) {
    std::lock_guard<std::mutex> lock(mutex);
    Block& found = blocks.at(block);
    const bool wasOpen = found.users > 0, isOpen = (found.users += change) > 0;
    if (isOpen != wasOpen) mprotect(block, found.bytes, isOpen ? PROT_READ | PROT_WRITE : PROT_NONE);
  }
};

Memory& memory() {
  static Memory* const instance = new Memory;  // outlives tensors that are freed at exit
  return *instance;
}

void release(void* block) { memory().release(block); }

struct Allocator final : c10::Allocator {
  static c10::DataPtr make(size_t bytes) {
    if (bytes == 0) return {nullptr, kDevice};
    void* block = memory().allocate(bytes);
    return {block, block, &release, kDevice};
  }
#if TORCH_VERSION_MAJOR >= 2
  c10::DataPtr allocate(size_t bytes) override { return make(bytes); }
  void copy_data(void*, const void*, size_t) const override { TORCH_CHECK(false, "pretended CUDA: copy_data"); }
#else
  c10::DataPtr allocate(size_t bytes) const override { return make(bytes); }
#endif
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
};
Allocator allocator;

void* blockOf(const at::Tensor& x) { return const_cast<void*>(x.storage().data_ptr().get()); }

/** Tensors that the host may touch until the end of this object, which keeps them. */
class Opened {
 public:
  ~Opened() {
    for (const at::Tensor& x : tensors_) memory().use(blockOf(x), -1);
  }
  /** The same bytes as a tensor of the CPU. */
  at::Tensor onHost(const at::Tensor& x) {
    if (!x.defined() || !x.is_cuda()) return x;
    const auto options = at::TensorOptions().device(c10::kCPU).dtype(x.dtype());
    if (x.numel() == 0) return at::empty(x.sizes(), options);
    memory().use(blockOf(x), 1);
    tensors_.push_back(x);
    auto* data = static_cast<char*>(blockOf(x)) + x.storage_offset() * x.itemsize();
    return at::from_blob(data, x.sizes(), x.strides(), options);
  }

 private:
  std::vector<at::Tensor> tensors_;
};

// ---- tensors

at::Tensor tensorOn(c10::Storage storage, caffe2::TypeMeta dtype, c10::IntArrayRef sizes, c10::IntArrayRef strides,
                    int64_t offset) {
  const c10::DispatchKeySet keys(c10::DispatchKey::CUDA);
  auto x = at::detail::make_tensor<c10::TensorImpl>(std::move(storage), keys, dtype);
  x.unsafeGetTensorImpl()->set_storage_offset(offset);
  x.unsafeGetTensorImpl()->set_sizes_and_strides(sizes, strides);
  return x;
}

at::Tensor emptyOf(c10::IntArrayRef sizes, c10::IntArrayRef strides, caffe2::TypeMeta dtype) {
  size_t elements = 1;
  for (size_t i = 0; i < sizes.size(); i++) elements += (sizes[i] - 1) * strides[i];
  for (const int64_t size : sizes) elements = size == 0 ? 0 : elements;
  const size_t bytes = elements * dtype.itemsize();
  c10::Storage storage(c10::Storage::use_byte_size_t(), bytes, Allocator::make(bytes), &allocator, true);
  return tensorOn(std::move(storage), dtype, sizes, strides, 0);
}

at::Tensor fromHost(const at::Tensor& x) {
  const auto copy = emptyOf(x.sizes(), x.strides(), x.dtype());
  Opened opened;
  if (x.numel() > 0) opened.onHost(copy).copy_(x);
  return copy;
}

#if TORCH_VERSION_MAJOR >= 2
template <class T>
using Maybe = std::optional<T>;
#else
template <class T>
using Maybe = c10::optional<T>;
#endif
using MaybeType = Maybe<at::ScalarType>;
using MaybeLayout = Maybe<at::Layout>;
using MaybeDevice = Maybe<at::Device>;

at::Tensor emptyMemoryFormat(c10::IntArrayRef sizes, MaybeType type, MaybeLayout, MaybeDevice, Maybe<bool>,
                             Maybe<at::MemoryFormat> format) {
  const auto options = at::TensorOptions().device(c10::kMeta).dtype(type.value_or(at::kFloat));
  const auto like = at::empty(sizes, options, format.value_or(at::MemoryFormat::Contiguous));
  return emptyOf(like.sizes(), like.strides(), like.dtype());
}
at::Tensor emptyStrided(c10::IntArrayRef sizes, c10::IntArrayRef strides, MaybeType type, MaybeLayout, MaybeDevice,
                        Maybe<bool>) {
  return emptyOf(sizes, strides, c10::scalarTypeToTypeMeta(type.value_or(at::kFloat)));
}
at::Tensor asStrided(const at::Tensor& x, c10::IntArrayRef sizes, c10::IntArrayRef strides, Maybe<int64_t> offset) {
  return tensorOn(x.storage(), x.dtype(), sizes, strides, offset.value_or(x.storage_offset()));
}
at::Tensor view(const at::Tensor& x, c10::IntArrayRef sizes) {
  const auto like = at::empty_strided(x.sizes(), x.strides(), x.options().device(c10::kMeta)).view(sizes);
  return tensorOn(x.storage(), x.dtype(), like.sizes(), like.strides(), x.storage_offset());
}
at::Tensor reshapeAlias(const at::Tensor& x, c10::IntArrayRef sizes, c10::IntArrayRef strides) {
  return tensorOn(x.storage(), x.dtype(), sizes, strides, x.storage_offset());
}
at::Tensor& copyInto(at::Tensor& to, const at::Tensor& from, bool) {
  Opened opened;
  opened.onHost(to).copy_(opened.onHost(from));
  return to;
}
at::Scalar item(const at::Tensor& x) {
  Opened opened;
  return opened.onHost(x).item();
}

// ---- every other operator

/** Changes a tensor, or each one of a list; false where the value is neither. */
template <class Change>
bool changeTensors(c10::IValue& value, Change change) {
  if (value.isTensor()) {
    value = change(value.toTensor());
    return true;
  }
  if (!value.isTensorList()) return false;
  c10::List<at::Tensor> list;
  for (const at::Tensor& x : value.toTensorVector()) list.push_back(change(x));
  value = list;
  return true;
}

/** An operator's arguments and results on their way to the CPU's kernel and back. */
class Passage {
 public:
  explicit Passage(std::string name) : name_(std::move(name)) {}

  void in(c10::IValue& value) {
    if (changeTensors(value, [this](const at::Tensor& x) { return taken(x); })) return;
    if (value.isOptionalTensorList()) {
      c10::List<Maybe<at::Tensor>> list;
      for (const auto& x : value.toOptionalTensorVector()) list.push_back(x ? taken(*x) : Maybe<at::Tensor>());
      value = list;
    } else if (value.isDevice() && value.toDevice().is_cuda()) {
      value = c10::Device(c10::kCPU);
    }
  }

  /** CUDA's kernels take a single number of the CPU's, and indices, beside their own tensors; nothing else. */
  void check() const {
    const bool indexing = name_ == "aten::index" || name_ == "aten::_index_put_impl_";
    TORCH_CHECK(pairs_.empty() || !largeOnHost_ || indexing, name_, ": expected all tensors on one device, found cuda and cpu");
  }

  void out(c10::IValue& value) {
    changeTensors(value, [this](const at::Tensor& x) { return returned(x); });
  }

 private:
  at::Tensor taken(const at::Tensor& x) {
    const auto host = opened_.onHost(x);
    if (x.defined() && x.is_cuda()) pairs_.emplace_back(host, x);
    if (x.defined() && x.is_cpu() && x.dim() > 0) largeOnHost_ = true;
    return host;
  }

  at::Tensor returned(const at::Tensor& x) {
    if (!x.defined()) return x;
    for (const auto& [host, own] : pairs_) {
      if (!host.is_same(x)) continue;
      if (x.sizes() != own.sizes()) {  // an empty result that the kernel gave its size
        const auto grown = fromHost(x);
        own.unsafeGetTensorImpl()->set_storage_keep_dtype(grown.storage());
        own.unsafeGetTensorImpl()->set_sizes_and_strides(grown.sizes(), grown.strides());
      }
      return own;
    }
    return fromHost(x);
  }

  const std::string name_;
  Opened opened_;
  std::vector<std::pair<at::Tensor, at::Tensor>> pairs_;
  bool largeOnHost_ = false;
};

struct DeviceGenerator final : at::CPUGeneratorImpl {
  void set_current_seed(uint64_t seed) override { CPUGeneratorImpl::set_current_seed(~seed); }
};

const at::Generator& deviceGenerator() {
  static const at::Generator generator = at::make_generator<DeviceGenerator>();
  return generator;
}

void onCpu(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  const auto& schema = op.schema();
  Passage passage(schema.operator_name().name);
  const size_t first = stack->size() - schema.arguments().size();
  for (size_t i = first; i < stack->size(); i++) {
    auto& value = (*stack)[i];
    passage.in(value);
    const bool isGenerator = schema.arguments()[i - first].type()->isSubtypeOf(*c10::OptionalType::create(c10::GeneratorType::get()));
    if (isGenerator && value.isNone()) value = deviceGenerator();
  }
  passage.check();
  op.redispatchBoxed(c10::DispatchKeySet(c10::DispatchKey::CPU), stack);
  for (size_t i = stack->size() - schema.returns().size(); i < stack->size(); i++) passage.out((*stack)[i]);
}

// ---- what libtorch asks of a device

struct Guard final : c10::impl::DeviceGuardImplInterface {
  static c10::Stream stream() { return c10::Stream(c10::Stream::DEFAULT, kDevice); }
  c10::DeviceType type() const override { return c10::kCUDA; }
  c10::Device exchangeDevice(c10::Device) const override { return kDevice; }
  c10::Device getDevice() const override { return kDevice; }
  void setDevice(c10::Device) const override {}
  void uncheckedSetDevice(c10::Device) const noexcept override {}
  c10::Stream getStream(c10::Device) const noexcept override { return stream(); }
  c10::Stream getDefaultStream(c10::Device) const override { return stream(); }
  c10::Stream exchangeStream(c10::Stream) const noexcept override { return stream(); }
  c10::DeviceIndex deviceCount() const noexcept override { return 1; }
  void record(void**, const c10::Stream&, const c10::DeviceIndex, const c10::EventFlag) const override {}
  void block(void*, const c10::Stream&) const override {}
  bool queryEvent(void*) const override { return true; }
  void destroyEvent(void*, const c10::DeviceIndex) const noexcept override {}
  bool queryStream(const c10::Stream&) const override { return true; }
  void synchronizeStream(const c10::Stream&) const override {}
  void recordDataPtrOnStream(const c10::DataPtr&, const c10::Stream&) const override {}
};

struct Hooks final : at::CUDAHooksInterface {
  explicit Hooks(at::CUDAHooksArgs) {}
  bool hasCUDA() const override { return true; }
  int getNumGPUs() const override { return 1; }
  std::string showConfig() const override { return "a pretended CUDA device\n"; }
#if TORCH_VERSION_MAJOR >= 2
  void init() const override {}
  bool isAvailable() const override { return true; }
  bool supportsBFloat16ConvolutionWithCuDNNv8() const override { return true; }
  // without "override", since the first versions 2 lack some
  bool isBuilt() const { return true; }
  c10::DeviceIndex deviceCount() const { return 1; }
  c10::DeviceIndex getCurrentDevice() const { return 0; }
  void setCurrentDevice(c10::DeviceIndex) const {}
  c10::DeviceIndex exchangeDevice(c10::DeviceIndex) const { return 0; }
  c10::DeviceIndex maybeExchangeDevice(c10::DeviceIndex) const { return 0; }
  c10::DeviceIndex current_device() const override { return 0; }
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
  const at::Generator& getDefaultGenerator(c10::DeviceIndex) const override { return deviceGenerator(); }
#else
  void initCUDA() const override {}
  int64_t current_device() const override { return 0; }
  bool hasPrimaryContext(int64_t) const override { return true; }
  const at::Generator& getDefaultCUDAGenerator(c10::DeviceIndex) const override { return deviceGenerator(); }
#endif
};

C10_REGISTER_GUARD_IMPL(CUDA, Guard);
[[maybe_unused]] const bool registered = [] {
  c10::SetAllocator(c10::kCUDA, &allocator);
  at::CUDAHooksRegistry()->Register(
      "CUDAHooks", [](at::CUDAHooksArgs args) -> std::unique_ptr<at::CUDAHooksInterface> { return std::make_unique<Hooks>(args); });
  return true;
}();

torch::CppFunction fallback() { return torch::CppFunction::makeFromBoxedFunction<&onCpu>(); }

}  // namespace

TORCH_LIBRARY_IMPL(_, CUDA, m) { m.fallback(fallback()); }

TORCH_LIBRARY_IMPL(aten, CUDA, m) {
  m.impl("empty.memory_format", emptyMemoryFormat);
  m.impl("empty_strided", emptyStrided);
  m.impl("as_strided", asStrided);
  m.impl("view", view);
  m.impl("_reshape_alias", reshapeAlias);
  m.impl("copy_", copyInto);
  m.impl("_local_scalar_dense", item);
  // composed of operators for each backend, which know no device of this kind
  m.impl("convolution", fallback());
  m.impl("convolution_backward", fallback());
}

NAPI_MODULE_INIT() { return exports; }
