import { describe, expect, it } from "vitest";
import { generatorState, restoreGeneratorState, seedGenerators } from "./random.js";
import { ones, randn, type Tensor } from "./tensor.js";

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

  it("refuse what is no state, and no seed", () => {
    expect(() => restoreGeneratorState("cpu", ones([8]))).toThrow("ByteTensor");
    expect(() => restoreGeneratorState("cpu", ones([8]).to("uint8"))).toThrow(Error);
    expect(() => seedGenerators(1.5)).toThrow("whole number");
    expect(() => generatorState("bogus")).toThrow("bogus");
  });

  it("draw numbers of mean 0 and deviation 1", () => {
    seedGenerators(0);
    const x: Tensor = randn([100_000]);
    expect(Math.abs(x.mean().item())).toBeLessThan(0.01);
    expect(Math.abs(x.square().mean().item() - 1)).toBeLessThan(0.02);
  });
});
