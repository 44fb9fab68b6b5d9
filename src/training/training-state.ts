import { OwnGenerators } from "../engine/random.js";
import { keep, scope } from "../engine/scope.js";
import { type Method, part, restoreMethod, under } from "../methods/method.js";
import type { StateDict } from "../nn/module.js";
import { Sgd, type SgdOptions } from "../nn/optimizer.js";
import type { Stage } from "./stages.js";

/** Everything that a stage changes as it runs: the method's tensors, the optimizer's, and what random draws come next. */
export class TrainingState {
  readonly optimizer: Sgd;
  /** Those that a step draws from. */
  readonly generators: OwnGenerators;

  /** A stage at its start: its generators go on from where they are now. */
  constructor(
    readonly method: Method,
    readonly options: { readonly optimizer: SgdOptions; readonly device: string },
  ) {
    this.optimizer = new Sgd(method.parameters(), options.optimizer);
    this.generators = new OwnGenerators(options.device);
  }

  /** A stage as `capture` found it, to the bit. @throws Error naming a tensor that `saved` lacks. */
  static restored(stage: Stage, saved: StateDict, options: TrainingState["options"]): TrainingState {
    const ofMethod = part(saved, "method");
    const method = stage.create(ofMethod);
    restoreMethod(method, ofMethod);
    const state = new TrainingState(method, options);
    state.optimizer.loadState(part(saved, "optimizer"));
    state.generators.loadState(part(saved, "generator")); // none of a device that the run moves to
    return state;
  }

  /** "method.…", "optimizer.…" and the state of each "generator.…"; but for the last, the stage's own tensors. */
  capture(): StateDict {
    return new Map([
      ...under("method", this.method.state()),
      ...under("optimizer", this.optimizer.stateDict()),
      ...under("generator", this.generators.stateDict()),
    ]);
  }

  /** What the next stage starts from: copies of the method's tensors, which belong to the caller. */
  result(): StateDict {
    return scope(
      () => new Map([...this.method.state()].map(([name, tensor]) => [name, keep(tensor.detach().clone())])),
    );
  }

  dispose(): void {
    this.optimizer.dispose();
    this.method.dispose();
  }
}
