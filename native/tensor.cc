// Tensors across the border: handles, bytes in and out, gradients.
#include <ATen/core/grad_mode.h>

#include <cstring>

#include "support.h"

namespace penumbra {

Counts& counts() {
  static Counts counts;
  return counts;
}

namespace {

void empty(napi_env env, Handle* handle) {
  if (!handle->tensor.defined()) return;
  handle->tensor = at::Tensor();
  --counts().handles;
  int64_t total;
  if (handle->reported) napi_adjust_external_memory(env, -handle->reported, &total);
  handle->reported = 0;
}

void finalize(napi_env env, void* data, void*) {
  Handle* handle = static_cast<Handle*>(data);
  empty(env, handle);
  handle->magic = 0;
  delete handle;
}

}  // namespace

napi_value wrapTensor(napi_env env, at::Tensor tensor) {
  auto* handle = new Handle();
  handle->tensor = std::move(tensor);
  ++counts().handles;
  napi_value value;
  if (napi_create_external(env, handle, finalize, nullptr, &value) != napi_ok) {
    finalize(env, handle, nullptr);
    throw BadCall("no handle could be made for a tensor");
  }
  return value;
}

Handle* handleOf(napi_env env, napi_value value) {
  napi_valuetype type;
  if (napi_typeof(env, value, &type) != napi_ok || type != napi_external) return nullptr;
  void* data = nullptr;
  if (napi_get_value_external(env, value, &data) != napi_ok || !data) return nullptr;
  auto* handle = static_cast<Handle*>(data);
  return handle->magic == Handle::kMagic ? handle : nullptr;
}

at::Tensor& tensorOf(napi_env env, napi_value value) {
  Handle* handle = handleOf(env, value);
  if (!handle) throw BadCall("expected a tensor");
  if (!handle->tensor.defined()) throw BadCall("the tensor was already freed");
  return handle->tensor;
}

namespace {

struct Bytes {
  void* data;
  size_t length;
  napi_typedarray_type type;
};

Bytes bytesOf(napi_env env, napi_value value) {
  bool isTyped = false;
  napi_is_typedarray(env, value, &isTyped);
  if (!isTyped) throw BadCall("expected a typed array");
  Bytes bytes{};
  size_t elements = 0;
  napi_value buffer;
  size_t offset;
  check(napi_get_typedarray_info(env, value, &bytes.type, &elements, &bytes.data, &buffer, &offset), "typed array");
  static const size_t sizes[] = {1, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8};
  bytes.length = elements * sizes[bytes.type];
  return bytes;
}

// (typedArray, shape, scalarType) -> tensor on the CPU holding a copy
napi_value fromBytes(napi_env env, const std::vector<napi_value>& argv) {
  if (argv.size() < 3) throw BadCall("fromBytes wants (typed array, shape, dtype)");
  const Bytes bytes = bytesOf(env, argv[0]);
  uint32_t rank = 0;
  check(napi_get_array_length(env, argv[1], &rank), "shape is no array");
  std::vector<int64_t> shape(rank);
  int64_t elements = 1;
  for (uint32_t i = 0; i < rank; ++i) {
    napi_value item;
    napi_get_element(env, argv[1], i, &item);
    shape[i] = integerOf(env, item);
    if (shape[i] < 0 || (shape[i] && elements > (int64_t(1) << 48) / shape[i])) throw BadCall("shape is out of range");
    elements *= shape[i];
  }
  const auto dtype = static_cast<at::ScalarType>(integerOf(env, argv[2]));
  const size_t wanted = elements * c10::elementSize(dtype);
  if (wanted != bytes.length) {
    throw BadCall("fromBytes: shape needs " + std::to_string(wanted) + " bytes, the buffer has " +
                  std::to_string(bytes.length));
  }
  at::Tensor tensor = at::empty(shape, at::TensorOptions().dtype(dtype));
  if (wanted) std::memcpy(tensor.data_ptr(), bytes.data, wanted);
  return wrapTensor(env, tensor);
}

// (tensor, typedArray): copies the values out, in row-major order; the array must have just the right size
napi_value toBytes(napi_env env, const std::vector<napi_value>& argv) {
  if (argv.size() < 2) throw BadCall("toBytes wants (tensor, typed array)");
  at::NoGradGuard guard;
  at::Tensor tensor = tensorOf(env, argv[0]).detach().to(at::kCPU).contiguous();
  const Bytes bytes = bytesOf(env, argv[1]);
  if (bytes.length != tensor.nbytes()) {
    throw BadCall("toBytes: the tensor has " + std::to_string(tensor.nbytes()) + " bytes, the buffer " +
                  std::to_string(bytes.length));
  }
  if (bytes.length) std::memcpy(bytes.data, tensor.data_ptr(), bytes.length);
  return undefined(env);
}

napi_value shape(napi_env env, const std::vector<napi_value>& argv) {
  const auto sizes = tensorOf(env, argv.at(0)).sizes();
  napi_value array;
  napi_create_array_with_length(env, sizes.size(), &array);
  for (size_t i = 0; i < sizes.size(); ++i) napi_set_element(env, array, i, toJs(env, static_cast<double>(sizes[i])));
  return array;
}

napi_value dtype(napi_env env, const std::vector<napi_value>& argv) {
  return toJs(env, static_cast<double>(static_cast<int>(tensorOf(env, argv.at(0)).scalar_type())));
}

napi_value device(napi_env env, const std::vector<napi_value>& argv) {
  return toJs(env, tensorOf(env, argv.at(0)).device().str());
}

napi_value item(napi_env env, const std::vector<napi_value>& argv) {
  at::NoGradGuard guard;
  return toJs(env, tensorOf(env, argv.at(0)).item().toDouble());
}

// Tells V8 how much memory a tensor holds that only garbage collection will free. Tensors of a scope are freed on time
// anyway, and telling of each would keep the collector busy on the cores that the operators need.
napi_value reportBytes(napi_env env, const std::vector<napi_value>& argv) {
  const at::Tensor& tensor = tensorOf(env, argv.at(0));
  Handle* handle = handleOf(env, argv.at(0));
  // a view's bytes are counted once, with the tensor that owns the storage
  const bool owner = tensor.has_storage() && tensor.storage().use_count() <= 2;
  if (handle->reported || !owner) return undefined(env);
  handle->reported = static_cast<int64_t>(tensor.storage().nbytes());
  int64_t total;
  napi_adjust_external_memory(env, handle->reported, &total);
  return undefined(env);
}

napi_value release(napi_env env, const std::vector<napi_value>& argv) {
  if (Handle* handle = handleOf(env, argv.at(0))) empty(env, handle);
  return undefined(env);
}

napi_value backward(napi_env env, const std::vector<napi_value>& argv) {
  at::Tensor& from = tensorOf(env, argv.at(0));
  const bool given = argv.size() > 1 && !isAbsent(env, argv[1]);
  if (given && !handleOf(env, argv[1]))
    throw BadCall("the gradient is no tensor; give one of this tensor's shape, or none where it is a scalar");
  from.backward(given ? tensorOf(env, argv[1]) : at::Tensor());
  return undefined(env);
}

napi_value setRequiresGrad(napi_env env, const std::vector<napi_value>& argv) {
  tensorOf(env, argv.at(0)).requires_grad_(booleanOf(env, argv.at(1)));
  return undefined(env);
}

napi_value requiresGrad(napi_env env, const std::vector<napi_value>& argv) {
  return toJs(env, tensorOf(env, argv.at(0)).requires_grad());
}

napi_value gradient(napi_env env, const std::vector<napi_value>& argv) {
  const at::Tensor& grad = tensorOf(env, argv.at(0)).grad();
  if (grad.defined()) return wrapTensor(env, grad);
  napi_value null;
  napi_get_null(env, &null);
  return null;
}

napi_value clearGradient(napi_env env, const std::vector<napi_value>& argv) {
  tensorOf(env, argv.at(0)).mutable_grad() = at::Tensor();
  return undefined(env);
}

}  // namespace

void defineTensor(napi_env env, napi_value exports) {
  define<fromBytes>(env, exports, "fromBytes");
  define<toBytes>(env, exports, "toBytes");
  define<shape>(env, exports, "shape");
  define<dtype>(env, exports, "dtype");
  define<device>(env, exports, "device");
  define<item>(env, exports, "item");
  define<reportBytes>(env, exports, "reportBytes");
  define<release>(env, exports, "release");
  define<backward>(env, exports, "backward");
  define<setRequiresGrad>(env, exports, "setRequiresGrad");
  define<requiresGrad>(env, exports, "requiresGrad");
  define<gradient>(env, exports, "gradient");
  define<clearGradient>(env, exports, "clearGradient");
}

}  // namespace penumbra
