// What is neither a tensor nor an operator: modes, seeds, threads, versions, memory.
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <torch/cuda.h>

#include "support.h"

namespace penumbra {

std::string stringOf(napi_env env, napi_value value) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) throw BadCall("expected a string");
  std::string text(length, '\0');
  napi_get_value_string_utf8(env, value, text.data(), length + 1, &length);
  return text;
}

double numberOf(napi_env env, napi_value value) {
  double number;
  if (napi_get_value_double(env, value, &number) != napi_ok) throw BadCall("expected a number");
  return number;
}

int64_t integerOf(napi_env env, napi_value value) {
  napi_valuetype type;
  napi_typeof(env, value, &type);
  if (type == napi_bigint) {
    int64_t integer;
    bool lossless;
    napi_get_value_bigint_int64(env, value, &integer, &lossless);
    if (!lossless) throw BadCall("the bigint does not fit in 64 bits");
    return integer;
  }
  const double number = numberOf(env, value);
  if (number != std::floor(number) || std::abs(number) > 9007199254740991.0) {
    throw BadCall("expected a whole number, got " + std::to_string(number));
  }
  return static_cast<int64_t>(number);
}

bool booleanOf(napi_env env, napi_value value) {
  bool boolean;
  if (napi_get_value_bool(env, value, &boolean) != napi_ok) throw BadCall("expected a boolean");
  return boolean;
}

napi_value toJs(napi_env env, double value) {
  napi_value result;
  check(napi_create_double(env, value, &result), "number");
  return result;
}

napi_value toJs(napi_env env, const std::string& value) {
  napi_value result;
  check(napi_create_string_utf8(env, value.data(), value.size(), &result), "string");
  return result;
}

napi_value toJs(napi_env env, bool value) {
  napi_value result;
  check(napi_get_boolean(env, value, &result), "boolean");
  return result;
}

napi_value undefined(napi_env env) {
  napi_value result;
  napi_get_undefined(env, &result);
  return result;
}

c10::Device deviceOf(const std::string& text) { return c10::Device(text); }

namespace {

using Arguments = std::vector<napi_value>;

napi_value setGradMode(napi_env env, const Arguments& argv) {
  const bool before = at::GradMode::is_enabled(), wanted = booleanOf(env, argv.at(0));
  at::GradMode::set_enabled(wanted);
  // weights cast without their graph must not be taken where gradients are recorded
  if (wanted != before) at::autocast::clear_cache();
  return toJs(env, before);
}

// (enabled, device type): autocast to bfloat16 for the operators on libtorch's list
napi_value setAutocast(napi_env env, const Arguments& argv) {
  const bool enabled = booleanOf(env, argv.at(0));
  const auto type = deviceOf(stringOf(env, argv.at(1))).type();
#if TORCH_VERSION_MAJOR >= 2
  at::autocast::set_autocast_dtype(type, at::kBFloat16);
  at::autocast::set_autocast_enabled(type, enabled);
#else
  if (type == c10::kCUDA) {
    at::autocast::set_autocast_gpu_dtype(at::kBFloat16);
    at::autocast::set_enabled(enabled);
  } else {
    at::autocast::set_autocast_cpu_dtype(at::kBFloat16);
    at::autocast::set_cpu_enabled(enabled);
  }
#endif
  // weights cast for this step must not be taken for the next one's
  if (!enabled) at::autocast::clear_cache();
  return undefined(env);
}

napi_value seed(napi_env env, const Arguments& argv) {
  const auto value = static_cast<uint64_t>(integerOf(env, argv.at(0)));
  at::manual_seed(value);
  return undefined(env);
}

at::Generator generatorOf(napi_env env, napi_value device) {
  const auto where = deviceOf(stringOf(env, device));
  return at::globalContext().defaultGenerator(where);
}

napi_value generatorState(napi_env env, const Arguments& argv) {
  return wrapTensor(env, generatorOf(env, argv.at(0)).get_state());
}

napi_value setGeneratorState(napi_env env, const Arguments& argv) {
  auto generator = generatorOf(env, argv.at(0));
  std::lock_guard<std::mutex> lock(generator.mutex());
  generator.set_state(tensorOf(env, argv.at(1)));
  return undefined(env);
}

napi_value setThreads(napi_env env, const Arguments& argv) {
  at::set_num_threads(static_cast<int>(integerOf(env, argv.at(0))));
  return undefined(env);
}

napi_value threads(napi_env env, const Arguments&) { return toJs(env, static_cast<double>(at::get_num_threads())); }

napi_value setFlushDenormal(napi_env env, const Arguments& argv) {
  return toJs(env, at::globalContext().setFlushDenormal(booleanOf(env, argv.at(0))));
}

// Whether cuDNN convolves in bfloat16 on the current device; elsewhere ATen unfolds patches, slower than in float32. With 1.x
// cuDNN's interface for it is switched off.
bool cudaHasBf16Convolution() {
#if TORCH_VERSION_MAJOR >= 2
  return at::hasCUDA() && at::detail::getCUDAHooks().supportsBFloat16ConvolutionWithCuDNNv8();
#else
  return false;
#endif
}

napi_value about(napi_env env, const Arguments&) {
  napi_value object;
  check(napi_create_object(env, &object), "object");
  const auto set = [&](const char* name, napi_value value) { napi_set_named_property(env, object, name, value); };
  set("version", toJs(env, std::string(TORCH_VERSION)));
  set("config", toJs(env, at::show_config()));
  set("parallel", toJs(env, at::get_parallel_info()));
  set("cudaDevices", toJs(env, static_cast<double>(at::hasCUDA() ? torch::cuda::device_count() : 0)));
  set("cudaBf16", toJs(env, cudaHasBf16Convolution()));
  set("mps", toJs(env, at::hasMPS()));
  set("oneDnn", toJs(env, at::hasMKLDNN()));
  return object;
}

napi_value memory(napi_env env, const Arguments&) {
  const auto figures = allocatorFigures();
  napi_value object;
  check(napi_create_object(env, &object), "object");
  const auto set = [&](const char* name, double value) { napi_set_named_property(env, object, name, toJs(env, value)); };
  set("tensors", static_cast<double>(counts().handles));
  set("bytes", static_cast<double>(figures.current));
  set("peakBytes", static_cast<double>(figures.peak));
  set("cachedBytes", static_cast<double>(figures.cached));
  return object;
}

napi_value resetPeak(napi_env env, const Arguments&) {
  resetAllocatorPeak();
  return undefined(env);
}

napi_value trim(napi_env env, const Arguments&) {
  trimAllocator();
  return undefined(env);
}

napi_value init(napi_env env, napi_value exports) {
  try {
    installAllocator();
    defineDispatcher(env, exports);
    defineTensor(env, exports);
    define<setGradMode>(env, exports, "setGradMode");
    define<setAutocast>(env, exports, "setAutocast");
    define<seed>(env, exports, "seed");
    define<generatorState>(env, exports, "generatorState");
    define<setGeneratorState>(env, exports, "setGeneratorState");
    define<setThreads>(env, exports, "setThreads");
    define<threads>(env, exports, "threads");
    define<setFlushDenormal>(env, exports, "setFlushDenormal");
    define<about>(env, exports, "about");
    define<memory>(env, exports, "memory");
    define<resetPeak>(env, exports, "resetPeak");
    define<trim>(env, exports, "trim");
  } catch (const std::exception& error) {
    napi_throw_error(env, nullptr, error.what());
  }
  return exports;
}

}  // namespace
}  // namespace penumbra

NAPI_MODULE(penumbra_addon, penumbra::init)
