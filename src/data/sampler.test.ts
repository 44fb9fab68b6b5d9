import { describe, expect, it } from "vitest";
import { caseAt, type Stream } from "./sampler.js";

const walk = (seed: number, stream: Stream, cases: number, perBatch: number, iterations: number) =>
  Array.from({ length: iterations }, (_, iteration) =>
    Array.from({ length: perBatch }, (_, slot) => caseAt(seed, stream, cases, perBatch, iteration, slot)),
  ).flat();

describe("caseAt", () => {
  it("visits every case once an epoch, also where epochs end inside a batch", () => {
    const visits = walk(3, "labeled", 7, 2, 21);
    for (let epoch = 0; epoch < 6; epoch++) {
      expect(visits.slice(epoch * 7, epoch * 7 + 7).sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
    }
  });

  it("orders each epoch, stream and seed its own way", () => {
    const order = (seed: number, stream: Stream, epoch: number) =>
      walk(seed, stream, 20, 1, 40)
        .slice(epoch * 20, epoch * 20 + 20)
        .join();
    const orders = [
      order(1, "labeled", 0),
      order(1, "labeled", 1),
      order(1, "unlabeled", 0),
      order(2, "labeled", 0),
    ];
    expect(new Set(orders).size).toBe(4);
  });

  it("gives a single case over and over", () => {
    expect(walk(1, "unlabeled", 1, 2, 2)).toEqual([0, 0, 0, 0]);
  });
});
