// call(name, overload, args): any ATen operator, through its schema. No operator is listed here.
#include <ATen/core/dispatch/Dispatcher.h>

#include <unordered_map>

#include "support.h"

namespace penumbra {

bool isAbsent(napi_env env, napi_value value) {
  napi_valuetype type;
  napi_typeof(env, value, &type);
  return type == napi_undefined || type == napi_null;
}

namespace {

struct Where {
  const std::string& name;
  const c10::Argument& argument;
  [[noreturn]] void fail(const std::string& got) const {
    throw BadCall(name + ": argument \"" + argument.name() + "\" wants " + argument.type()->str() + ", got " + got);
  }
};

std::string kindOf(napi_env env, napi_value value) {
  napi_valuetype type;
  napi_typeof(env, value, &type);
  switch (type) {
    case napi_undefined: return "undefined";
    case napi_null: return "null";
    case napi_boolean: return "a boolean";
    case napi_number: return "a number";
    case napi_string: return "a string";
    case napi_bigint: return "a bigint";
    case napi_external: {
      Handle* handle = handleOf(env, value);
      if (handle && !handle->tensor.defined()) return "a tensor that was already freed";
      return handle ? "a tensor" : "a foreign handle";
    }
    default: return "an object";
  }
}

std::vector<napi_value> itemsOf(napi_env env, napi_value array) {
  uint32_t length = 0;
  napi_get_array_length(env, array, &length);
  std::vector<napi_value> items(length);
  for (uint32_t i = 0; i < length; ++i) napi_get_element(env, array, i, &items[i]);
  return items;
}

c10::Scalar scalarOf(napi_env env, napi_value value) {
  double number = numberOf(env, value);
  if (number == std::floor(number) && std::abs(number) < 9e15) return c10::Scalar(static_cast<int64_t>(number));
  return c10::Scalar(number);
}

c10::IValue convert(napi_env env, napi_value value, const c10::TypePtr& type, const Where& where);

c10::IValue convertList(napi_env env, napi_value value, const c10::TypePtr& element, const Where& where) {
  bool isArray = false;
  napi_is_array(env, value, &isArray);
  // a single number stands for a list of one, as ATen's int[3] arguments allow
  std::vector<napi_value> items = isArray ? itemsOf(env, value) : std::vector<napi_value>{value};
  c10::impl::GenericList list(element);
  list.reserve(items.size());
  for (napi_value item : items) list.push_back(convert(env, item, element, where));
  return list;
}

c10::IValue convert(napi_env env, napi_value value, const c10::TypePtr& type, const Where& where) {
  napi_valuetype js;
  napi_typeof(env, value, &js);
  switch (type->kind()) {
    case c10::TypeKind::OptionalType:
      if (isAbsent(env, value)) return c10::IValue();
      return convert(env, value, type->castRaw<c10::OptionalType>()->getElementType(), where);
    case c10::TypeKind::TensorType: {
      Handle* handle = handleOf(env, value);
      if (!handle || !handle->tensor.defined()) where.fail(kindOf(env, value));
      return handle->tensor;
    }
    case c10::TypeKind::IntType:
      if (js != napi_number && js != napi_bigint) where.fail(kindOf(env, value));
      return integerOf(env, value);
    case c10::TypeKind::FloatType:
      if (js != napi_number) where.fail(kindOf(env, value));
      return numberOf(env, value);
    case c10::TypeKind::NumberType:
      if (js == napi_boolean) return booleanOf(env, value);
      if (js != napi_number) where.fail(kindOf(env, value));
      return scalarOf(env, value);
    case c10::TypeKind::BoolType:
      if (js != napi_boolean) where.fail(kindOf(env, value));
      return booleanOf(env, value);
    case c10::TypeKind::StringType:
      if (js != napi_string) where.fail(kindOf(env, value));
      return stringOf(env, value);
    case c10::TypeKind::DeviceObjType:
      if (js != napi_string) where.fail(kindOf(env, value));
      return deviceOf(stringOf(env, value));
    case c10::TypeKind::ListType:
      if (js != napi_object && js != napi_number) where.fail(kindOf(env, value));
      return convertList(env, value, type->castRaw<c10::ListType>()->getElementType(), where);
    default:
      where.fail(kindOf(env, value) + ", a kind the addon does not convert");
  }
}

napi_value convertResult(napi_env env, const c10::IValue& value) {
  if (value.isNone()) {
    napi_value null;
    napi_get_null(env, &null);
    return null;
  }
  if (value.isTensor()) {
    if (value.toTensor().defined()) return wrapTensor(env, value.toTensor());
    napi_value null;
    napi_get_null(env, &null);
    return null;
  }
  if (value.isInt()) return toJs(env, static_cast<double>(value.toInt()));
  if (value.isDouble()) return toJs(env, value.toDouble());
  if (value.isBool()) return toJs(env, value.toBool());
  if (value.isScalar()) return toJs(env, value.toScalar().toDouble());
  if (value.isList()) {
    auto list = value.toListRef();
    napi_value array;
    napi_create_array_with_length(env, list.size(), &array);
    for (size_t i = 0; i < list.size(); ++i) napi_set_element(env, array, i, convertResult(env, list[i]));
    return array;
  }
  throw BadCall("a result of type " + value.tagKind() + " can't be handed to JavaScript");
}

const c10::OperatorHandle& operatorNamed(const std::string& name, const std::string& overload) {
  static std::unordered_map<std::string, c10::OperatorHandle> known;
  const std::string key = name + "." + overload;
  auto found = known.find(key);
  if (found != known.end()) return found->second;
  auto handle = c10::Dispatcher::singleton().findSchema({name, overload});
  if (!handle) throw BadCall("this libtorch (" TORCH_VERSION ") has no operator " + key);
  return known.emplace(key, *handle).first->second;
}

napi_value call(napi_env env, const std::vector<napi_value>& argv) {
  if (argv.size() < 3) throw BadCall("call wants (name, overload, arguments)");
  const std::string name = stringOf(env, argv[0]);
  const auto& op = operatorNamed(name, stringOf(env, argv[1]));
  const auto& schema = op.schema();
  const std::vector<napi_value> given = itemsOf(env, argv[2]);
  const auto& wanted = schema.arguments();
  if (given.size() > wanted.size()) {
    throw BadCall(name + ": takes " + std::to_string(wanted.size()) + " arguments, got " + std::to_string(given.size()));
  }
  torch::jit::Stack stack;
  stack.reserve(wanted.size());
  for (size_t i = 0; i < wanted.size(); ++i) {
    napi_valuetype js = napi_undefined;
    if (i < given.size()) napi_typeof(env, given[i], &js);
    if (js == napi_undefined && wanted[i].default_value()) {
      stack.push_back(*wanted[i].default_value());
    } else {
      napi_value value = i < given.size() ? given[i] : undefined(env);
      stack.push_back(convert(env, value, wanted[i].type(), Where{name, wanted[i]}));
    }
  }
  try {
    op.callBoxed(&stack);
  } catch (const c10::Error& error) {
    throw BadCall(name + ": " + error.what_without_backtrace());
  } catch (const std::exception& error) {
    throw BadCall(name + ": " + error.what());
  }
  if (stack.empty()) return undefined(env);
  if (stack.size() == 1) return convertResult(env, stack[0]);
  napi_value array;
  napi_create_array_with_length(env, stack.size(), &array);
  for (size_t i = 0; i < stack.size(); ++i) napi_set_element(env, array, i, convertResult(env, stack[i]));
  return array;
}

}  // namespace

void defineDispatcher(napi_env env, napi_value exports) { define<call>(env, exports, "call"); }

}  // namespace penumbra
