import { beforeEach, describe, expect, it } from "vitest";
import { memoryFigures } from "../engine/libtorch.js";
import { withPrecision } from "../engine/precision.js";
import { seedGenerators } from "../engine/random.js";
import { scope } from "../engine/scope.js";
import { Sgd } from "../nn/optimizer.js";
import { type LossTerms, type Method, part, restoreMethod, under } from "./method.js";
import { fingerprint, SUBJECTS } from "./tiny-task.testing.js";

const total = (terms: LossTerms) =>
  Object.values(terms)
    .map(({ value, weight }) => value.mul(weight))
    .reduce((sum, term) => sum.add(term));

/** Trains on one batch; the loss before each step. */
function train(method: Method, batch: Parameters<Method["losses"]>[0], steps: number): number[] {
  const optimizer = new Sgd(method.parameters(), { momentum: 0.9, weightDecay: 1e-4 });
  const losses = Array.from({ length: steps }, (_, i) =>
    scope(() => {
      const terms = method.losses(batch, i);
      if (Object.keys(terms).length === 0) return 0;
      const loss = total(terms);
      loss.backward();
      optimizer.step(0.05);
      method.afterStep(i);
      return loss.item();
    }),
  );
  optimizer.dispose();
  return losses;
}

/** A tensor each of the encoder, the decoder and the head. */
const PREDICTION: readonly string[] = ["block_one.conv.0.weight", "out_conv.bias", "mean_l.weight"];

describe.each(SUBJECTS)("$name", ({ terms: names, make, batch, ...subject }) => {
  const { frozen, reached: reachable = PREDICTION, againstEarlier } = subject;
  beforeEach(() => seedGenerators(7), 60_000);

  it.each([2, 3])("has finite, named, scalar terms: %i classes", (classes) => {
    scope(() => {
      const method = make(classes);
      const terms = method.losses(batch(classes), 3);
      expect(Object.keys(terms)).toEqual([...names]);
      for (const [name, { value, weight }] of Object.entries(terms)) {
        expect(value.shape, name).toEqual([]);
        expect(Number.isFinite(value.item()), name).toBe(true);
        expect(weight, name).toBeGreaterThan(0);
      }
      method.dispose();
    });
  });

  it("sends gradients into its network and nowhere else", () => {
    scope(() => {
      const method = make(2);
      const other = frozen?.(method);
      const before = other && fingerprint(other.parameters());
      const terms = method.losses(batch(2), 3);
      if (names.length > 0) total(terms).backward();
      const reached = [...method.network.parameters()]
        .filter(([, p]) => p.grad !== null)
        .map(([name]) => name);
      const found = reached.filter((name) => PREDICTION.includes(name));
      expect(found).toEqual(names.length > 0 ? reachable : []);
      for (const name of reached) {
        expect(method.network.parameters().get(name)!.grad!.isFinite().all().item(), name).toBe(1);
      }
      if (other) {
        for (const [name, p] of other.parameters()) expect(p.grad, name).toBeNull();
        expect(fingerprint(other.parameters())).toEqual(before);
      }
      method.dispose();
    });
  });

  it.runIf(names.length > 0 && !againstEarlier).each([2, 3])(
    "falls on one fixed batch: %i classes",
    (classes) => {
      scope(() => {
        const method = make(classes);
        const patches = batch(classes);
        // terms of random weight and draws change with the iteration: judge the first and the last state alike
        const judge = () => {
          seedGenerators(1);
          return scope(() => total(method.losses(patches, 10)).item());
        };
        const before = judge();
        train(method, patches, 15);
        expect(judge()).toBeLessThan(0.95 * before);
        method.dispose();
      });
    },
  );

  it("goes on the same from a restored state", () => {
    scope(() => {
      const [first, second] = [make(3), make(3)];
      const patches = batch(3);
      train(first, patches, 3);
      restoreMethod(second, first.state());
      expect(fingerprint(second.state())).toEqual(fingerprint(first.state()));
      const goOn = (method: Method) => {
        seedGenerators(5);
        return train(method, patches, 3);
      };
      expect(goOn(second)).toEqual(goOn(first));
      expect(fingerprint(second.state())).toEqual(fingerprint(first.state()));
      first.dispose();
      second.dispose();
    });
  });

  it("keeps its network under 'network.' and names a tensor that a state lacks", () => {
    scope(() => {
      const method = make(2);
      const state = method.state();
      expect([...part(state, "network")]).toEqual([...method.network.stateDict()]);
      const name = [...state.keys()].at(-1)!;
      state.delete(name);
      expect(() => restoreMethod(method, state)).toThrow(`lacks "${name}"`);
      method.dispose();
    });
  });

  it("runs in bfloat16 with losses close to float32's", () => {
    scope(() => {
      const method = make(2);
      const patches = batch(2);
      const values = (precision: "fp32" | "bf16") => {
        seedGenerators(2);
        const terms = withPrecision(precision, "cpu", () => method.losses(patches, 3));
        return Object.values(terms).map(({ value }) => value.item());
      };
      const [exact, coarse] = [values("fp32"), values("bf16")];
      // a tenth, of what is above 1: DenseCL's matches are the most similar places, and rounding changes some of them
      for (const [i, value] of coarse.entries())
        expect(Math.abs(value - exact[i]!)).toBeLessThan(0.1 * Math.max(1, exact[i]!));
      method.dispose();
    });
  });

  it("frees all its tensors", () => {
    scope(() => {
      const before = memoryFigures().tensors;
      const state = scope(() => {
        const method = make(2);
        train(method, batch(2), 1);
        method.dispose();
        return method.state().size;
      });
      expect(state).toBeGreaterThan(0);
      expect(memoryFigures().tensors).toBe(before);
    });
  });
});

describe("state names", () => {
  it("go under a prefix and come out again", () => {
    scope(() => {
      const method = SUBJECTS[0]!.make(2);
      const state = method.network.stateDict();
      const both = new Map([...under("a", state), ...under("ab", state)]);
      expect(both.size).toBe(2 * state.size);
      expect([...part(both, "a")]).toEqual([...state]);
      expect(part(both, "b").size).toBe(0);
      method.dispose();
    });
  });
});
