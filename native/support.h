// What the addon's files share: a handle around a tensor, argument checks and one guard that keeps
// C++ exceptions out of V8.
#pragma once
#define NAPI_VERSION 8
#include <node_api.h>

#include <ATen/ATen.h>
#include <torch/version.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace penumbra {

// A tensor owned by JavaScript. `release` empties it early; garbage collection does so at the latest.
struct Handle {
  static constexpr uint64_t kMagic = 0x70656e756d627261;  // "penumbra"
  uint64_t magic = kMagic;
  at::Tensor tensor;
  int64_t reported = 0;  // bytes told to V8
};

struct Counts {
  int64_t handles = 0;  // live tensor handles
};
Counts& counts();

struct AllocatorFigures {
  int64_t current, peak, cached;  // bytes handed out now, at most so far, and kept for reuse
};
void installAllocator();
AllocatorFigures allocatorFigures();
void resetAllocatorPeak();
void trimAllocator();

// Thrown for a call that is wrong on our side of the border; the message names operator and argument.
struct BadCall : std::runtime_error {
  using std::runtime_error::runtime_error;
};

inline void check(napi_status status, const char* what) {
  if (status != napi_ok) throw BadCall(what);
}

napi_value wrapTensor(napi_env env, at::Tensor tensor);
Handle* handleOf(napi_env env, napi_value value);         // null when it is no tensor handle
at::Tensor& tensorOf(napi_env env, napi_value value);     // throws BadCall, also when released

std::string stringOf(napi_env env, napi_value value);
int64_t integerOf(napi_env env, napi_value value);
double numberOf(napi_env env, napi_value value);
bool booleanOf(napi_env env, napi_value value);
bool isAbsent(napi_env env, napi_value value);  // undefined or null
napi_value toJs(napi_env env, double value);
napi_value toJs(napi_env env, const std::string& value);
napi_value toJs(napi_env env, bool value);
napi_value undefined(napi_env env);
c10::Device deviceOf(const std::string& text);

using Function = napi_value (*)(napi_env, const std::vector<napi_value>&);

// Every exported function goes through here: collects arguments and turns any exception into a JS Error.
template <Function function>
napi_value guarded(napi_env env, napi_callback_info info) {
  try {
    size_t count = 8;
    napi_value argv[8];
    check(napi_get_cb_info(env, info, &count, argv, nullptr, nullptr), "no arguments");
    return function(env, std::vector<napi_value>(argv, argv + std::min<size_t>(count, 8)));
  } catch (const c10::Error& error) {
    napi_throw_error(env, nullptr, error.what_without_backtrace());
  } catch (const std::exception& error) {
    napi_throw_error(env, nullptr, error.what());
  } catch (...) {
    napi_throw_error(env, nullptr, "unknown C++ exception");
  }
  return nullptr;
}

template <Function function>
void define(napi_env env, napi_value exports, const char* name) {
  napi_value value;
  check(napi_create_function(env, name, NAPI_AUTO_LENGTH, guarded<function>, nullptr, &value), name);
  check(napi_set_named_property(env, exports, name, value), name);
}

void defineDispatcher(napi_env env, napi_value exports);
void defineTensor(napi_env env, napi_value exports);

}  // namespace penumbra
