// Tries a range of inputs in a process of its own, which may crash or hang without taking the driver along.
import { TARGETS, type Tally, tryInputs } from "./try-inputs.js";

export interface Order {
  readonly target: string;
  readonly seed: number;
  readonly from: number;
  readonly to: number;
  readonly faults: string;
}

/** "at": about to read this input; "done": the whole range. */
export type News = { readonly at: number } | { readonly done: Tally };

process.on("message", async ({ target, faults, ...range }: Order) => {
  const say = (news: News) => process.send!(news);
  const found = TARGETS.find(({ name }) => name === target)!;
  const done = await tryInputs({ ...range, target: found, onInput: (at) => say({ at }) }, faults);
  say({ done });
  process.disconnect();
});
