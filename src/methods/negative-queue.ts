import { noGrad } from "../engine/autograd.js";
import { randn, zeros } from "../engine/make-tensor.js";
import { unitLength } from "../engine/ops.js";
import { keep, scope } from "../engine/scope.js";
import type { Tensor } from "../engine/tensor.js";
import type { StateDict } from "../nn/module.js";

/**
 * The last `length` keys of earlier batches, as negatives: rows of unit length, [length,E], in float32 of fixed size. It starts
 * with random ones. Source: He et al. 2020 (MoCo), section 3.2.
 */
export class NegativeQueue {
  readonly rows: Tensor;
  /** Where the next key goes, []. */
  readonly #next: Tensor;

  constructor(
    readonly length: number,
    size: number,
    device: string,
  ) {
    this.rows = keep(unitLength(randn([length, size], { device }), 1));
    this.#next = keep(zeros([], { dtype: "int64" }));
  }

  /** Replaces the oldest rows. keys [N,E]; of more than the queue holds, the last stay. */
  push(keys: Tensor): void {
    noGrad(() =>
      scope(() => {
        for (let i = 0; i < keys.shape[0]!; i++) {
          const at = this.#next.item();
          this.rows.slice(0, at, at + 1).copy_(keys.slice(0, i, i + 1));
          this.#next.fill_((at + 1) % this.length);
        }
      }),
    );
  }

  stateDict(): StateDict {
    return new Map([
      ["rows", this.rows],
      ["next", this.#next],
    ]);
  }
  dispose(): void {
    for (const tensor of this.stateDict().values()) tensor.dispose();
  }
}
