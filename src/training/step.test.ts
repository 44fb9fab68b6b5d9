import { describe, expect, it } from "vitest";
import { memoryFigures } from "../engine/libtorch.js";
import { fromArray, full } from "../engine/make-tensor.js";
import { seedGenerators } from "../engine/random.js";
import { scope } from "../engine/scope.js";
import type { Tensor } from "../engine/tensor.js";
import { AuaStage1 } from "../methods/aua-stage1.js";
import { AuaStage2 } from "../methods/aua-stage2.js";
import { newEstimators } from "../methods/estimators.js";
import type { Method, PatchBatch } from "../methods/method.js";
import {
  fingerprint,
  stage1Options,
  stage2Options,
  tinyBatch,
  tinyNetwork,
  tinyStage1,
  tinyStage2,
} from "../methods/tiny-task.testing.js";
import { Sgd } from "../nn/optimizer.js";
import { totalLoss, trainStep } from "./step.js";

const options = { momentum: 0.9, weightDecay: 1e-4 };
const at = (iteration: number) => ({
  iteration,
  learningRate: 0.01,
  precision: "fp32" as const,
  clipNorm: null,
});

/** Figures of memory after each of so many steps, every step with a batch of its own. */
function memoryOver(steps: number, make: () => Method, batch: () => PatchBatch) {
  seedGenerators(1);
  return scope(() => {
    const method = make();
    const optimizer = new Sgd(method.network.parameters(), options);
    const figures = Array.from({ length: steps }, (_, i) => {
      trainStep(method, optimizer, batch, at(i));
      const { tensors, bytes } = memoryFigures();
      return { tensors, bytes };
    });
    optimizer.dispose();
    method.dispose();
    return figures;
  });
}

describe("memory", () => {
  const wide = () => tinyNetwork(2, 8); // its largest tensors are blocks of a megabyte, which `bytes` counts
  const makers: [string, () => Method, () => Method][] = [
    ["stage 1", () => tinyStage1(), () => new AuaStage1(wide(), wide(), stage1Options)],
    [
      "stage 2",
      () => tinyStage2(),
      () => new AuaStage2(wide(), wide(), newEstimators(wide().options, "features"), stage2Options),
    ],
  ];

  it.each(makers)("%s: as many tensors after fifty steps as after two", (_, make) => {
    const counts = memoryOver(50, make, () => tinyBatch()).map(({ tensors }) => tensors);
    expect(new Set(counts.slice(1)).size, counts.join(" ")).toBe(1);
  });

  it.each(makers)("%s: as many bytes, too", (_, __, make) => {
    const bytes = memoryOver(6, make, () => tinyBatch(2, 4, 4)).map((figures) => figures.bytes);
    expect(bytes[0]).toBeGreaterThan(0);
    expect(new Set(bytes.slice(1)).size, bytes.join(" ")).toBe(1);
  });
});

describe("trainStep", () => {
  const supervisedBy = (value: (x: Tensor) => Tensor, network = tinyNetwork()): Method => ({
    network,
    losses: () => ({
      a: { value: value(network.parameters().get("out_conv.bias")!), weight: 2 },
      b: { value: fromArray(Float32Array.of(3), []), weight: 0.5 },
    }),
    parameters: () => network.parameters(),
    afterStep: () => {
      throw new Error("afterStep");
    },
    state: () => new Map(),
    dispose: () => network.dispose(),
  });

  it("moves along the gradient of Σ weight·value, then lets the method follow up", () => {
    scope(() => {
      const method = { ...supervisedBy((bias) => bias.sum()), followed: -1 };
      method.afterStep = (iteration) => {
        method.followed = iteration;
      };
      const bias = method.network.parameters().get("out_conv.bias")!;
      const before = [...bias.toFloat32Array()];
      const optimizer = new Sgd(method.network.parameters(), { momentum: 0, weightDecay: 0 });
      const figures = trainStep(method, optimizer, tinyBatch, at(4));
      expect([...bias.toFloat32Array()]).toEqual(before.map((b) => expect.closeTo(b - 0.01 * 2, 6)));
      const sum = before.reduce((total, b) => total + b);
      expect(figures.terms).toEqual({ a: expect.closeTo(sum, 5), b: 3 });
      expect(figures.weights).toEqual({ a: 2, b: 0.5 });
      expect(figures.loss).toBeCloseTo(2 * sum + 1.5, 5);
      expect(method.followed).toBe(4);
    });
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])("takes no step when the loss is %d", (value) => {
    scope(() => {
      const method = supervisedBy((bias) => bias.sum().mul(0).add(full([], value)));
      const optimizer = new Sgd(method.network.parameters(), options);
      const before = fingerprint(method.network.stateDict());
      expect(Number.isFinite(trainStep(method, optimizer, tinyBatch, at(0)).loss)).toBe(false);
      expect(fingerprint(method.network.stateDict())).toEqual(before);
      expect(optimizer.gradients().size).toBe(0);
    });
  });

  it("takes no step when a gradient is not finite, and names its parameter", () => {
    scope(() => {
      // √|x| at 0 is 0, and its slope infinite
      const method = supervisedBy((bias) => bias.mul(0).square().sqrt().sum());
      const optimizer = new Sgd(method.network.parameters(), options);
      const before = fingerprint(method.network.stateDict());
      const figures = trainStep(method, optimizer, tinyBatch, at(0));
      expect(figures.loss).toBe(1.5);
      expect(figures.skipped).toBe("the gradient of out_conv.bias");
      expect(fingerprint(method.network.stateDict())).toEqual(before);
      expect(optimizer.gradients().size).toBe(0);
    });
  });

  it("names the loss term that is not finite", () => {
    scope(() => {
      const method = supervisedBy((bias) => bias.sum().mul(Number.NaN));
      const optimizer = new Sgd(method.network.parameters(), options);
      expect(trainStep(method, optimizer, tinyBatch, at(0))).toMatchObject({
        skipped: "loss term a",
        gradientNorm: null,
      });
    });
  });

  it("is skipped by a method that meets numbers that are not finite before it has a loss", () => {
    scope(() => {
      const method = tinyStage2();
      const optimizer = new Sgd(method.network.parameters(), options);
      const before = fingerprint(method.estimators.get("features")!.stateDict());
      const broken = () => {
        const batch = tinyBatch();
        return { ...batch, images: batch.images.mul(Number.NaN) };
      };
      const figures = trainStep(method, optimizer, broken, at(0));
      expect(figures).toMatchObject({
        loss: Number.NaN,
        terms: { features: Number.NaN },
        skipped: "features",
      });
      expect(fingerprint(method.estimators.get("features")!.stateDict())).toEqual(before);
      expect(trainStep(method, optimizer, tinyBatch, at(1)).skipped).toBeNull();
    });
  });

  it("reports the gradients' norm, and scales gradients down to clipNorm", () => {
    const moved = (clipNorm: number | null) =>
      scope(() => {
        seedGenerators(3);
        const method = { ...supervisedBy((bias) => bias.sum()), afterStep: () => {} };
        const bias = method.network.parameters().get("out_conv.bias")!; // two numbers, each of gradient 2
        const before = bias.toFloat32Array();
        const optimizer = new Sgd(method.network.parameters(), { momentum: 0, weightDecay: 0 });
        const { gradientNorm } = trainStep(method, optimizer, tinyBatch, { ...at(0), clipNorm });
        expect(gradientNorm).toBeCloseTo(2 * Math.SQRT2, 5);
        return (before[0]! - bias.toFloat32Array()[0]!) / 0.01;
      });
    expect(moved(null)).toBeCloseTo(2, 3);
    expect(moved(100)).toBeCloseTo(2, 3);
    expect(moved(Math.SQRT2)).toBeCloseTo(1, 3);
  });

  it("works a batch off in parts: means of their losses and gradients, of a term over those that have it", () => {
    scope(() => {
      const network = tinyNetwork();
      const bias = network.parameters().get("out_conv.bias")!; // two numbers
      const means: number[] = [];
      const losses: Method["losses"] = ({ images }) => {
        means.push(images.mean().item());
        const first = means.length === 1;
        return {
          a: { value: bias.sum().mul(images.mean()), weight: 1 },
          ...(first && { b: { value: bias.sum(), weight: 3 } }),
        };
      };
      const method = { ...supervisedBy((x) => x, network), losses, afterStep: () => {} };
      const before = [...bias.toFloat32Array()];
      const sum = before[0]! + before[1]!;
      const optimizer = new Sgd(network.parameters(), { momentum: 0, weightDecay: 0 });
      const figures = trainStep(method, optimizer, tinyBatch, { ...at(0), parts: 2 });
      const [m, n] = means as [number, number];
      expect([means.length, m === n]).toEqual([2, false]);
      const slope = (m + 3 + n) / 2;
      expect([...bias.toFloat32Array()]).toEqual(before.map((b) => expect.closeTo(b - 0.01 * slope, 6)));
      expect(figures.loss).toBeCloseTo(slope * sum, 5);
      expect(figures.terms).toEqual({
        a: expect.closeTo((sum * (m + n)) / 2, 5),
        b: expect.closeTo(sum, 5),
      });
      expect(figures.weights).toEqual({ a: 1, b: 3 });
    });
  });

  it("frees everything when the batch or the method fails", () => {
    scope(() => {
      const method = supervisedBy((bias) => bias.sum());
      const optimizer = new Sgd(method.network.parameters(), options);
      const before = memoryFigures().tensors;
      expect(() => trainStep(method, optimizer, tinyBatch, at(0))).toThrow("afterStep");
      const broken = () => {
        tinyBatch();
        throw new Error("no batch");
      };
      expect(() => trainStep(method, optimizer, broken, at(0))).toThrow("no batch");
      expect(memoryFigures().tensors).toBe(before);
    });
  });
});

describe("totalLoss", () => {
  it("is the sum of weight · value", () => {
    const value = (x: number) => fromArray(Float32Array.of(x), []);
    expect(
      totalLoss({ a: { value: value(2), weight: 3 }, b: { value: value(5), weight: 0.1 } }).item(),
    ).toBeCloseTo(6.5, 5);
    expect(() => totalLoss({})).toThrow();
  });
});
