import type { Tensor } from "../engine/tensor.js";
import type { SegmentationNetwork } from "../models/segmentation-network.js";
import { copyState, type StateDict } from "../nn/module.js";

/** Patches of one iteration, on the device. The first `labeled` of the B patches have labels. */
export interface PatchBatch {
  /** [B,1,D,H,W] float32 */
  readonly images: Tensor;
  /** 1 inside a case's region, 0 in air and padding: [B,1,D,H,W] float32 */
  readonly region: Tensor;
  readonly labeled: number;
  /** [labeled,D,H,W] int64 */
  readonly labels: Tensor;
  /** The same label maps on the host, one per labeled patch, [D,H,W] each. */
  readonly hostLabels: readonly Uint8Array[];
}

/** A part of the loss: the total is the sum of weight · value. */
export interface LossTerm {
  readonly value: Tensor;
  readonly weight: number;
}

/** Loss terms by name. None at all: this iteration has nothing to optimize. */
export type LossTerms = Record<string, LossTerm>;

/**
 * What the one training loop asks of a method. A method computes losses and keeps its own networks; it has no loop,
 * no optimizer and no files.
 */
export interface Method {
  /** The network that a run of this method ends with. */
  readonly network: SegmentationNetwork;
  losses(batch: PatchBatch, iteration: number): LossTerms;
  /** What the optimizer moves: those of `network`, and of what else the method trains beside it. */
  parameters(): StateDict;
  /** After the optimizer moved the parameters. */
  afterStep(iteration: number): void;
  /** Everything that a checkpoint must hold to go on, the method's own tensors. Starts with "network.". */
  state(): StateDict;
  dispose(): void;
  /** Networks worth looking at during training, the one that teaches last; left out: "student", which is `network`. */
  networks?(): Readonly<Record<string, SegmentationNetwork>>;
  /** Which features the method pulls together and apart; left out: none, or the embedding. */
  readonly contrasts?: "projection" | "embedding";
  /** Mean feature of each class [C,K], the method's own tensor; null where it keeps none. */
  prototypes?(): Tensor | null;
}

/** Tensors of a state under "prefix.", by the rest of their names. */
export function part(state: StateDict, prefix: string): StateDict {
  const start = `${prefix}.`;
  return new Map(
    [...state].filter(([name]) => name.startsWith(start)).map(([name, t]) => [name.slice(start.length), t]),
  );
}

/** A state with every name under "prefix.". */
export const under = (prefix: string, state: StateDict): [string, Tensor][] =>
  [...state].map(([name, tensor]) => [`${prefix}.${name}`, tensor]);

/** Copies every tensor of a method's checkpointed state into its own. @throws StateMisfit as `copyState` */
export const restoreMethod = (method: Method, state: StateDict): void => copyState(method.state(), state);
