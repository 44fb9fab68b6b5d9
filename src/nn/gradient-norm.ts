import { noGrad } from "../engine/autograd.js";
import { stack } from "../engine/make-tensor.js";
import { scope } from "../engine/scope.js";
import { callMany, callVoid } from "../engine/tensor.js";
import type { StateDict } from "./module.js";

/** Euclidean norm over all gradients; 0 without any. Not finite as soon as one of their numbers is not. */
export function gradientNorm(gradients: StateDict): number {
  if (gradients.size === 0) return 0;
  return noGrad(() =>
    scope(() =>
      stack(callMany("_foreach_norm", "Scalar", [...gradients.values()], 2), 0)
        .norm([0])
        .item(),
    ),
  );
}

/** Scales gradients of norm `norm` down to `limit` where it is larger. Source: Pascanu et al. 2013. */
export function clipGradients(gradients: StateDict, norm: number, limit: number): void {
  if (norm <= limit) return;
  noGrad(() => callVoid("_foreach_mul_", "Scalar", [...gradients.values()], limit / norm));
}
