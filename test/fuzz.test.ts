import { describe, expect, it } from "vitest";
import { sharesOf, TARGETS, tryInputs } from "./fuzz/try-inputs.js";

/** Few of the mutations that `npm run fuzz` tries, which takes minutes. */
const MUTATIONS = 1500;
const SEED = 20;

const shares = sharesOf(MUTATIONS, TARGETS);

describe("whatever is done to a file, reading it ends soon, with its content or with one typed line:", () => {
  it.each(TARGETS.map((target, i) => ({ name: target.name, target, to: shares[i]! })))(
    "$name",
    async ({ target, to }) => {
      const { faults, accepted, refused } = await tryInputs({ target, seed: SEED, from: 0, to });
      expect(faults).toEqual([]);
      expect(accepted + refused).toBe(to);
      expect(refused).toBeGreaterThan(to / 10); // else the mutations would reach nothing
    },
  );
});
