import { describe, expect, it } from "vitest";
import { setThreads } from "./libtorch.js";
import { ones, randn } from "./make-tensor.js";
import { generatorState, OwnGenerators, restoreGeneratorState, seedGenerators } from "./random.js";

const draw = () => [...randn([5]).toFloat32Array()];

describe("generators", () => {
  it("give the same draws for the same seed, others for another", () => {
    seedGenerators(3);
    const first = draw();
    seedGenerators(3);
    expect(draw()).toEqual(first);
    expect(draw()).not.toEqual(first);
    seedGenerators(4);
    expect(draw()).not.toEqual(first);
  });

  it.each([1, 5, 16, 17])("go on exactly from a saved state, saved after %i draws", (before) => {
    seedGenerators(1);
    randn([before]); // an odd number leaves half a pair behind
    const state = generatorState("cpu");
    expect(state.dtype).toBe("uint8");
    const expected = [draw(), draw()];
    seedGenerators(99);
    draw();
    restoreGeneratorState("cpu", state);
    expect([draw(), draw()]).toEqual(expected);
  });

  it("keep a saved state as it was while drawing goes on", () => {
    const state = generatorState("cpu");
    const bytes = state.toUint8Array();
    draw();
    expect(state.toUint8Array()).toEqual(bytes);
  });

  it("of one's own draw as if they were alone, and disturb no others", () => {
    seedGenerators(3);
    const alone = [draw(), draw(), draw()];
    const own = OwnGenerators.seeded(3, "cpu");
    seedGenerators(8);
    const others = [draw(), draw()];
    seedGenerators(8);
    expect(own.draw(draw)).toEqual(alone[0]);
    expect(draw()).toEqual(others[0]);
    expect(own.draw(draw)).toEqual(alone[1]);
    const later = new OwnGenerators("cpu");
    later.loadState(own.stateDict());
    expect(() =>
      own.draw(() => {
        throw new Error("inside");
      }),
    ).toThrow("inside");
    expect(draw()).toEqual(others[1]);
    expect([own.draw(draw), later.draw(draw)]).toEqual([alone[2], alone[2]]);
  });

  it("refuse what is no state, and no seed", () => {
    expect(() => restoreGeneratorState("cpu", ones([8]))).toThrow("ByteTensor");
    expect(() => restoreGeneratorState("cpu", ones([8]).to("uint8"))).toThrow(Error);
    expect(() => seedGenerators(1.5)).toThrow("whole number");
    expect(() => generatorState("bogus")).toThrow("bogus");
  });

  it("draw numbers of mean 0 and deviation 1, as many in the tails as a normal distribution has, unrelated to each other", () => {
    seedGenerators(0);
    const n = 400_000;
    const x = randn([n]).toFloat32Array();
    const mean = (value: (x: number, i: number) => number) =>
      x.reduce((sum, v, i) => sum + value(v, i), 0) / n;
    expect(Math.abs(mean((v) => v))).toBeLessThan(0.005);
    expect(mean((v) => v ** 2)).toBeCloseTo(1, 1.5);
    expect(mean((v) => v ** 4)).toBeCloseTo(3, 1);
    for (const [beyond, share] of [
      [1, 0.317311],
      [2, 0.0455],
      [3, 0.0027],
      [4, 0.0000633],
    ] as const) {
      const found = mean((v) => (Math.abs(v) > beyond ? 1 : 0));
      expect(Math.abs(found - share), `beyond ${beyond}`).toBeLessThan(4 * Math.sqrt(share / n));
    }
    for (const lag of [1, 2, 256, 512, 1024])
      expect(Math.abs(mean((v, i) => v * x[(i + lag) % n]!)), `lag ${lag}`).toBeLessThan(0.008);
  });

  it("draw the same numbers with any number of threads", () => {
    const drawn = [1, 2].map((threads) => {
      setThreads(threads, 2);
      seedGenerators(5);
      return [...randn([50_000]).toFloat32Array().slice(-40_000)];
    });
    expect(drawn[0]).toEqual(drawn[1]);
  });
});
