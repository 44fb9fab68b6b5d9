import { PrototypeEstimator } from "../losses/prototype-contrast.js";
import type { NetworkOptions } from "../models/segmentation-network.js";
import type { StateDict } from "../nn/module.js";
import { part, under } from "./method.js";
import { type PrototypeSpace, type PrototypeSpaces, SPACE_NAMES, SPACES } from "./prototype-space.js";

/** The prototypes of each space. */
export type Estimators = ReadonlyMap<PrototypeSpace, PrototypeEstimator>;

/** Prototypes of nothing yet, in the spaces of a choice. */
export function newEstimators(
  { classes, filters, device }: NetworkOptions,
  spaces: PrototypeSpaces,
): Estimators {
  const channels: Record<PrototypeSpace, number> = { features: filters, outputs: classes };
  return new Map(
    SPACES[spaces].map((space) => [space, new PrototypeEstimator(classes, channels[space], device)]),
  );
}

/** Names and tensors of all prototypes, for a method's state. */
export const estimatorState = (estimators: Estimators) =>
  [...estimators].flatMap(([space, estimator]) => under(SPACE_NAMES[space].state, estimator.stateDict()));

/** Copies what a state holds of the prototypes; those that it holds nothing of stay as they are. */
export function loadEstimators(estimators: Estimators, state: StateDict): void {
  for (const [space, estimator] of estimators) {
    const gathered = part(state, SPACE_NAMES[space].state);
    if (gathered.size > 0) estimator.loadState(gathered);
  }
}
