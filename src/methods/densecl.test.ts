import { beforeEach, describe, expect, it } from "vitest";
import { noGrad } from "../engine/autograd.js";
import { cat, fromArray, full, randn } from "../engine/make-tensor.js";
import { seedGenerators } from "../engine/random.js";
import { scope } from "../engine/scope.js";
import type { Tensor } from "../engine/tensor.js";
import { Sgd } from "../nn/optimizer.js";
import { DenseCl, type DenseClOptions, encoderOf } from "./densecl.js";
import { NegativeQueue } from "./negative-queue.js";
import { randomView } from "./random-view.js";
import { denseClOptions, fingerprint, tinyBatch, tinyPair } from "./tiny-task.testing.js";

const numbers = (x: Tensor) => [...x.toFloat32Array()];
const rowsOf = (method: DenseCl, queue: "global" | "dense") =>
  numbers(method.state().get(`queue.${queue}.rows`)!);
const make = (options: Partial<DenseClOptions> = {}) =>
  new DenseCl(...tinyPair(), { ...denseClOptions, ...options });
const batch = () => tinyBatch(2, 0, 4);
beforeEach(() => seedGenerators(3), 60_000);

/** Views that differ by mirroring alone. */
const unchanged = { crop: 1, intensity: 0, noise: 0 };
type Rows = number[][];
const chunks = (values: readonly number[], size: number): Rows =>
  Array.from({ length: values.length / size }, (_, i) => values.slice(i * size, (i + 1) * size));
const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, v, i) => sum + v * b[i]!, 0);
const unit = (a: readonly number[]) => a.map((v) => v / Math.hypot(...a));
const meanRow = (rows: Rows) =>
  rows[0]!.map((_, i) => rows.reduce((sum, row) => sum + row[i]!, 0) / rows.length);
const expectClose = (found: readonly number[], expected: readonly number[]) => {
  expect(found).toHaveLength(expected.length);
  for (const [i, v] of expected.entries()) expect(found[i]).toBeCloseTo(v, 4);
};

/** features [B,C,D,H,W] -> for each image a row of C for each place */
const rowsOfPlaces = (features: Tensor): Rows[] => {
  const [b, c] = features.shape as [number, number];
  const channels = chunks(
    numbers(features),
    features.shape.slice(2).reduce((a, n) => a * n, 1),
  );
  return Array.from({ length: b }, (_, i) => {
    const own = channels.slice(i * c, (i + 1) * c);
    return own[0]!.map((_, place) => own.map((channel) => channel[place]!));
  });
};

/** An image's rows through both heads of a state: a linear map, ReLU, a linear map, unit length. */
function projectedByHand(
  features: Rows,
  state: ReadonlyMap<string, { readonly values: number[] }>,
  heads: "heads" | "key.heads",
) {
  const linear = (name: string, x: readonly number[]) => {
    const { values: bias } = state.get(`${heads}.${name}.bias`)!;
    return chunks(state.get(`${heads}.${name}.weight`)!.values, x.length).map(
      (row, i) => dot(row, x) + bias[i]!,
    );
  };
  const project = (head: string, x: readonly number[]) =>
    linear(
      `${head}.2`,
      linear(`${head}.0`, x).map((v) => Math.max(0, v)),
    );
  const dense = features.map((row) => project("dense", row));
  return {
    features,
    dense: dense.map(unit),
    global: unit(project("global", meanRow(features))),
    pooled: unit(meanRow(dense)),
  };
}

/** -log of the key's share among key and negatives */
function contrastByHand(query: readonly number[], key: readonly number[], negatives: Rows): number {
  const exp = (other: readonly number[]) => Math.exp(dot(query, other) / denseClOptions.temperature);
  return -Math.log(exp(key) / (exp(key) + negatives.reduce((sum, row) => sum + exp(row), 0)));
}

describe("DenseCl", () => {
  it("learns to tell a patch's views from fixed negatives", () => {
    scope(() => {
      const method = make();
      const optimizer = new Sgd(method.parameters(), { momentum: 0.9, weightDecay: 0 });
      const losses = Array.from({ length: 20 }, () =>
        scope(() => {
          const { global, dense } = method.losses(batch());
          const loss = global!.value.mul(global!.weight).add(dense!.value.mul(dense!.weight));
          loss.backward();
          optimizer.step(0.05);
          return loss.item();
        }),
      );
      const mean = (values: number[]) => values.reduce((sum, v) => sum + v, 0) / values.length;
      expect(mean(losses.slice(-5))).toBeLessThan(0.98 * mean(losses.slice(0, 5)));
      optimizer.dispose();
      method.dispose();
    });
  });

  it("contrasts the whole with its other view and every place with its match, by the encoder's features", () => {
    scope(() => {
      const method = make({ momentum: 0.75, queue: 6, ...unchanged });
      const images = randn([2, 1, 32, 32, 32]); // 2x2x2 places at the bottom
      const batch32 = { ...batch(), images };
      const optimizer = new Sgd(method.parameters(), { momentum: 0, weightDecay: 0 });
      const first = method.losses(batch32);
      first.global!.value.add(first.dense!.value).backward();
      optimizer.step(1);
      method.afterStep(); // now keys are another network's and other heads'

      const state = new Map(
        [...method.state()].map(([name, tensor]) => [name, { shape: tensor.shape, values: numbers(tensor) }]),
      );
      seedGenerators(9);
      const { global, dense } = noGrad(() => method.losses(batch32));
      seedGenerators(9);
      const [query, key] = [method.network, method.keyNetwork].map((network, i) =>
        noGrad(() => {
          const views = [0, 1].map((one) => randomView(images.slice(0, one, one + 1), unchanged));
          const [a, b] = rowsOfPlaces(network.encode(cat(views, 0))[4]!);
          return [a!, b!].map((rows) => projectedByHand(rows, state, i === 0 ? "heads" : "key.heads"));
        }),
      );
      const queue = (name: string) => chunks(state.get(`queue.${name}.rows`)!.values, 8);
      const wholes = query!.map((q, i) => contrastByHand(q.global, key![i]!.global, queue("global")));
      const places = query!.flatMap((q, i) =>
        q.features.map((feature, place) => {
          const cosines = key![i]!.features.map((other) => dot(unit(feature), unit(other)));
          const match = cosines.indexOf(Math.max(...cosines));
          return contrastByHand(q.dense[place]!, key![i]!.dense[match]!, queue("dense"));
        }),
      );
      const mean = (values: number[]) => values.reduce((sum, v) => sum + v, 0) / values.length;
      expect(global!.value.item()).toBeCloseTo(mean(wholes), 4);
      expect(dense!.value.item()).toBeCloseTo(mean(places), 4);

      method.afterStep();
      const queued = (name: "global" | "dense") => chunks(rowsOf(method, name), 8).slice(2, 4);
      for (const i of [0, 1]) {
        expectClose(queued("global")[i]!, key![i]!.global);
        expectClose(queued("dense")[i]!, key![i]!.pooled);
      }
      const name = "dense.2.weight";
      const [own, before] = [`heads.${name}`, `key.heads.${name}`].map((one) => state.get(one)!.values);
      expectClose(
        numbers(method.state().get(`key.heads.${name}`)!),
        before!.map((v, i) => 0.75 * v + 0.25 * own![i]!),
      );
      optimizer.dispose();
      method.dispose();
    });
  });

  it("queues an iteration's keys after it, a row for each patch, and only those of a step that was taken", () => {
    scope(() => {
      const method = make({ queue: 6 });
      const before = rowsOf(method, "dense");
      method.losses(batch());
      method.losses(batch());
      expect(rowsOf(method, "dense")).toEqual(before);
      method.afterStep();
      const after = rowsOf(method, "dense");
      expect(after.slice(4 * 8)).toEqual(before.slice(4 * 8));
      for (let row = 0; row < 4; row++) {
        const own = after.slice(row * 8, (row + 1) * 8);
        expect(own).not.toEqual(before.slice(row * 8, (row + 1) * 8));
        expect(Math.hypot(...own)).toBeCloseTo(1, 5);
      }
      method.dispose();
    });
  });

  it("weighs dense and global contrast to 1, and leaves out what has no weight", () => {
    scope(() => {
      const weights = (denseWeight: number) => {
        const method = make({ denseWeight });
        const terms = Object.entries(method.losses(batch())).map(([name, { weight }]) => [name, weight]);
        method.dispose();
        return terms;
      };
      expect([weights(0.25), weights(0), weights(1)]).toEqual([
        [
          ["global", 0.75],
          ["dense", 0.25],
        ],
        [["global", 1]],
        [["dense", 1]],
      ]);
    });
  });

  it("moves the encoder, never the decoder, and its key network follows by the moving average", () => {
    scope(() => {
      const method = make({ momentum: 0.75 });
      const before = fingerprint(method.network.parameters());
      const name = "block_five.conv.0.weight";
      const key = numbers(method.keyNetwork.parameters().get(name)!);
      const optimizer = new Sgd(method.parameters(), { momentum: 0, weightDecay: 0.1 });
      const { global, dense } = method.losses(batch());
      global!.value.add(dense!.value).backward();
      optimizer.step(0.1);
      method.afterStep();
      const after = fingerprint(method.network.parameters());
      const moved = [...after.keys()].filter((one) => after.get(one) !== before.get(one));
      const encoder = [...encoderOf(method.network.parameters()).keys()];
      // the bias of a convolution before a normalization moves by its decay only
      expect(moved).toEqual(encoder);
      expect(encoder.some((one) => /six|_up|out_conv|mean_l|head/.test(one))).toBe(false);
      const own = numbers(method.network.parameters().get(name)!);
      const followed = numbers(method.keyNetwork.parameters().get(name)!);
      for (const i of [0, 5, 99]) expect(followed[i]).toBeCloseTo(0.75 * key[i]! + 0.25 * own[i]!, 5);
      optimizer.dispose();
      method.dispose();
    });
  });
});

describe("NegativeQueue", () => {
  it("replaces the oldest rows, round and round, and never grows", () => {
    scope(() => {
      const queue = new NegativeQueue(3, 1, "cpu");
      expect(numbers(queue.rows).map(Math.abs)).toEqual([1, 1, 1].map((v) => expect.closeTo(v, 5)));
      const push = (...values: number[]) =>
        queue.push(fromArray(Float32Array.from(values), [values.length, 1]));
      push(10, 11);
      expect(numbers(queue.rows).slice(0, 2)).toEqual([10, 11]);
      push(12, 13);
      expect(numbers(queue.rows)).toEqual([13, 11, 12]);
      push(1, 2, 3, 4, 5);
      expect(numbers(queue.rows)).toEqual([3, 4, 5]);
      queue.dispose();
    });
  });
});

describe("randomView", () => {
  const options = { crop: 1, intensity: 0, noise: 0 };
  /** Voxel values 0 ... 7 along each axis, by powers of 8. */
  const ramp = () =>
    fromArray(
      Float32Array.from({ length: 512 }, (_, i) => i),
      [1, 1, 8, 8, 8],
    );

  it("mirrors along H and W, and is the patch itself where nothing else varies", () => {
    scope(() => {
      const seen = new Set(
        Array.from({ length: 30 }, () => numbers(randomView(ramp(), options)).slice(0, 1)[0]!),
      );
      expect([...seen].map(Math.round).sort((a, b) => a - b)).toEqual([0, 7, 56, 63]);
    });
  });

  it("crops within the patch and brings it back to size", () => {
    scope(() => {
      for (let i = 0; i < 10; i++) {
        const view = randomView(ramp(), { ...options, crop: 0.5 });
        expect(view.shape).toEqual([1, 1, 8, 8, 8]);
        const values = numbers(view);
        expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
        expect(Math.max(...values)).toBeLessThanOrEqual(511);
      }
    });
  });

  it("varies contrast, brightness and noise as told", () => {
    scope(() => {
      const ones = () => full([1, 1, 8, 8, 8], 1);
      const values = Array.from(
        { length: 40 },
        () => numbers(randomView(ones(), { ...options, intensity: 0.2 }))[0]!,
      );
      expect(Math.min(...values)).toBeGreaterThan(0.6 - 1e-5);
      expect(Math.max(...values)).toBeLessThan(1.4 + 1e-5);
      expect(Math.max(...values) - Math.min(...values)).toBeGreaterThan(0.2);
      const noisy = numbers(randomView(ones(), { ...options, noise: 0.5 })).map((v) => v - 1);
      const deviation = Math.sqrt(noisy.reduce((sum, v) => sum + v * v, 0) / noisy.length);
      expect(deviation).toBeGreaterThan(0.4);
      expect(deviation).toBeLessThan(0.6);
    });
  });
});
