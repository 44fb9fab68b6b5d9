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

/** Settles when the news has left this process: what comes next may end it. */
const say = (news: News) =>
  new Promise<void>((resolve, reject) => {
    process.send!(news, undefined, undefined, (cause) => (cause ? reject(cause) : resolve()));
  });

process.on("message", async ({ target, faults, ...range }: Order) => {
  const found = TARGETS.find(({ name }) => name === target)!;
  await say({ done: await tryInputs({ ...range, target: found, onInput: (at) => say({ at }) }, faults) });
  process.disconnect();
});
