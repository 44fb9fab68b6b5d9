// penumbra::with_gradient: a value found outside the graph, tied to `x` by a gradient that is known in closed form. Costs
// nothing forward and one product backward.
#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct WithGradient : torch::autograd::Function<WithGradient> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& value, const at::Tensor& x,
                            const at::Tensor& gradient) {
    TORCH_CHECK(value.numel() == 1, "with_gradient wants a scalar value, got ", value.sizes());
    TORCH_CHECK(x.sizes() == gradient.sizes(), "with_gradient: x is ", x.sizes(), " but its gradient ", gradient.sizes());
    context->save_for_backward({gradient});
    return value.detach().clone();
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    return {at::Tensor(), gradients[0] * context->get_saved_variables()[0], at::Tensor()};
  }
};

at::Tensor withGradient(const at::Tensor& value, const at::Tensor& x, const at::Tensor& gradient) {
  return WithGradient::apply(value, x, gradient);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(penumbra, library) {
  library.def("with_gradient(Tensor value, Tensor x, Tensor gradient) -> Tensor", &withGradient);
}
