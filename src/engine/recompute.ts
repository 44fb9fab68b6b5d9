import { gradientsOn, noGrad } from "./autograd.js";
import { inSamePrecision } from "./precision.js";
import { keep, scope } from "./scope.js";
import { call, type Tensor } from "./tensor.js";

type Body = (inputs: readonly Tensor[]) => Tensor;

/** A part of a forward pass of which only the ends were kept. */
interface Segment {
  readonly inputs: readonly Tensor[];
  /** A leaf: the gradient of what came after it gathers here. */
  readonly output: Tensor;
  readonly again: () => Tensor;
}

let open: Segment[] | null = null;
let isSecondPass = false;

/** Whether a forward pass runs once more for its gradients: running statistics have moved already. */
export const inSecondPass = (): boolean => isSecondPass;

const alias = (x: Tensor): Tensor => call("alias", "", x);

/**
 * body(inputs), whose intermediate results are not kept but found again by a second pass when gradients are wanted (Chen
 * et al. 2016, "Training deep nets with sublinear memory cost"). Each input may feed no other part of the graph but
 * segments, unless it is a leaf or another segment's output. Outside a `Recomputation`, and without gradients, just body(inputs).
 * The body must not draw random numbers.
 */
export function recomputed(inputs: readonly Tensor[], body: Body): Tensor {
  if (!open || !gradientsOn()) return body(inputs);
  const output = keep(noGrad(() => scope(() => body(inputs)))).requireGrad();
  const kept = inputs.map((x) => keep(alias(x)));
  open.push({ inputs: kept, output, again: inSamePrecision(() => body(kept)) });
  return alias(output);
}

/** `recomputed` where asked, else its plain counterpart that keeps everything. */
export const recomputedIf = (asked: boolean): typeof recomputed =>
  asked ? recomputed : (inputs, body) => body(inputs);

/** A forward pass with segments, and its backward pass. */
export class Recomputation {
  readonly #segments: Segment[] = [];

  /** The forward pass. */
  run<T>(body: () => T): T {
    const before = open;
    open = this.#segments;
    try {
      return body();
    } finally {
      open = before;
    }
  }

  /** Back-propagates from a scalar through everything before it, segment by segment from the last to the first. */
  backward(loss: Tensor): void {
    loss.backward();
    for (let last = this.#segments.pop(); last; last = this.#segments.pop()) {
      try {
        scope(() => goBack(last!));
      } finally {
        free(last);
      }
    }
  }

  /** Frees what a backward pass that never came has left. */
  dispose(): void {
    for (const left of this.#segments.splice(0)) free(left);
  }
}

function goBack({ output, again }: Segment): void {
  const gradient = output.grad;
  if (!gradient) return;
  isSecondPass = true;
  let result: Tensor;
  try {
    result = again();
  } finally {
    isSecondPass = false;
  }
  output.clearGrad();
  result.backward(gradient);
}

function free({ inputs, output }: Segment): void {
  for (const tensor of [...inputs, output]) tensor.dispose();
}
