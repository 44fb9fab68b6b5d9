import { describe, expect, it } from "vitest";
import { expectGradient, wave } from "../engine/finite-differences.testing.js";
import { fromArray } from "../engine/make-tensor.js";
import { unitLength } from "../engine/ops.js";
import { seedGenerators } from "../engine/random.js";
import { scope } from "../engine/scope.js";
import { callOwnMany, type Tensor } from "../engine/tensor.js";
import {
  boundaryContrast,
  boundaryMask,
  type FeatureOrder,
  logSumsByBlocks,
  supervisedContrast,
} from "./boundary-contrast.js";

const tensor = (values: readonly number[], shape: readonly number[]) =>
  fromArray(Float32Array.from(values), shape);
const classes = (labels: readonly number[]) => fromArray(BigInt64Array.from(labels, BigInt), [labels.length]);
const numbers = (x: Tensor) => [...x.toFloat32Array()];

type Shape = readonly [number, number, number];

/** The paper's words: voxels whose class differs from any class's map, dilated by the voxel and those before it. */
function maskByDilation(labels: Uint8Array, [, h, w]: Shape): Uint8Array {
  const at = (z: number, y: number, x: number) =>
    labels[(Math.max(z, 0) * h + Math.max(y, 0)) * w + Math.max(x, 0)]!;
  return labels.map((_, i) => {
    const [z, y, x] = [Math.floor(i / (h * w)), Math.floor(i / w) % h, i % w];
    const box = [0, 1].flatMap((dz) =>
      [0, 1].flatMap((dy) => [0, 1].map((dx) => at(z - dz, y - dy, x - dx))),
    );
    const inMapOf = (c: number) => labels[i] === c;
    const inDilationOf = (c: number) => box.includes(c);
    return [...new Set(labels)].some((c) => inMapOf(c) !== inDilationOf(c)) ? 1 : 0;
  });
}

describe("boundaryMask", () => {
  it("takes the voxels at and after a change, not those before it", () => {
    expect([...boundaryMask(Uint8Array.of(0, 0, 1, 1, 1, 0), [1, 1, 6])]).toEqual([0, 0, 1, 0, 0, 1]);
    expect([...boundaryMask(Uint8Array.of(0, 0, 1, 1), [1, 2, 2])]).toEqual([0, 0, 1, 1]);
    // one voxel of class 1: its whole box of eight
    const one = new Uint8Array(27);
    one[13] = 1;
    const box = [13, 14, 16, 17, 22, 23, 25, 26];
    expect([...boundaryMask(one, [3, 3, 3]).entries()].filter(([, m]) => m).map(([i]) => i)).toEqual(box);
  });

  it("is empty where all is one class", () => {
    expect(Math.max(...boundaryMask(new Uint8Array(24).fill(2), [2, 3, 4]))).toBe(0);
  });

  it.each([2, 3])("is the union of every class's dilation, %i classes", (count) => {
    const shape: Shape = [5, 6, 7];
    for (let phase = 0; phase < 5; phase++) {
      const labels = Uint8Array.from(wave(210, phase), (v) => Math.floor(((v + 2) / 4.001) * count));
      // mostly flat, so that there is an inside, too
      const flat = labels.map((c, i) => (i % 5 === 0 ? c : 0));
      for (const map of [labels, flat]) expect(boundaryMask(map, shape)).toEqual(maskByDilation(map, shape));
    }
  });
});

/** Khosla et al. 2020, eq. 2 with the sum outside, anchor by anchor in doubles. */
function contrastByPairs(
  f: readonly number[],
  labels: readonly number[],
  k: number,
  temperature: number,
): number {
  const n = labels.length;
  const s = (i: number, j: number) => {
    let dot = 0;
    for (let c = 0; c < k; c++) dot += f[i * k + c]! * f[j * k + c]!;
    return dot / temperature;
  };
  const losses: number[] = [];
  for (let i = 0; i < n; i++) {
    const others = [...labels.keys()].filter((j) => j !== i);
    const positives = others.filter((j) => labels[j] === labels[i]);
    if (positives.length === 0) continue;
    const most = Math.max(...others.map((j) => s(i, j)));
    const logSum = most + Math.log(others.reduce((sum, j) => sum + Math.exp(s(i, j) - most), 0));
    losses.push(positives.reduce((sum, p) => sum + logSum - s(i, p), 0) / positives.length);
  }
  return losses.reduce((sum, loss) => sum + loss, 0) / Math.max(losses.length, 1);
}

const unitRows = (n: number, k: number): number[] => {
  const rows = wave(n * k);
  const length = (i: number) => Math.hypot(...rows.slice(i * k, (i + 1) * k));
  return rows.map((v, i) => v / length(Math.floor(i / k)));
};

describe("supervisedContrast", () => {
  const cases: { n: number; k: number; temperature: number; labels: (i: number) => number }[] = [
    { n: 4, k: 3, temperature: 0.07, labels: () => 0 },
    { n: 3, k: 2, temperature: 0.5, labels: (i) => (i === 1 ? 0 : 1) }, // class 0 has one member
    { n: 20, k: 16, temperature: 0.07, labels: () => 1 }, // one class only, and it is not the first
    { n: 21, k: 5, temperature: 0.1, labels: (i) => (i === 0 ? 2 : i % 2) },
    { n: 128, k: 16, temperature: 0.07, labels: (i) => i % 2 },
    { n: 131, k: 16, temperature: 0.07, labels: (i) => (i < 100 ? 0 : (i % 3) + 1) },
    { n: 257, k: 7, temperature: 1, labels: (i) => i % 4 },
  ];

  it.each(cases)("is the double loop over $n rows of $k", ({ n, k, temperature, labels }) => {
    const [f, y] = [unitRows(n, k), Array.from({ length: n }, (_, i) => labels(i))];
    const expected = contrastByPairs(f, y, k, temperature);
    scope(() => {
      const rows = tensor(f, [n, k]).requireGrad();
      const loss = supervisedContrast(rows, classes(y), temperature);
      expect(loss.item() / expected).toBeCloseTo(1, 5);
      loss.mul(2).backward();
      const gradient = numbers(rows.grad!);
      const largest = Math.max(...gradient.map(Math.abs));
      for (const i of new Set([0, 1, k, Math.floor((n * k) / 2), n * k - 1])) {
        const moved = (by: number) =>
          contrastByPairs(
            f.map((v, j) => (j === i ? v + by : v)),
            y,
            k,
            temperature,
          );
        const slope = (moved(1e-4) - moved(-1e-4)) / 2e-4;
        expect(Math.abs(gradient[i]! - 2 * slope) / largest, `gradient ${i}`).toBeLessThan(1e-4);
      }
    });
  });

  it("has a value by hand: two classes of two, alike inside, square across", () => {
    const rows = tensor([1, 0, 1, 0, 0, 1, 0, 1], [4, 2]);
    const loss = supervisedContrast(rows, classes([0, 0, 1, 1]), 0.5); // log(e² + 2) - 2
    expect(loss.item()).toBeCloseTo(Math.log(Math.exp(2) + 2) - 2, 5);
  });

  it("agrees with finite differences in every component, through unit length", () => {
    const labels = classes([0, 1, 1, 0, 2, 1, 0]);
    expectGradient((x) => supervisedContrast(unitLength(x, 1), labels, 0.5), [7, 3], wave(21), {
      single: true,
      step: 3e-3,
    });
  });

  it("does not overflow where rows are long and the temperature low", () => {
    const f = unitRows(40, 4).map((v) => v * 10);
    const y = Array.from({ length: 40 }, (_, i) => i % 2);
    const loss = supervisedContrast(tensor(f, [40, 4]), classes(y), 0.07).item(); // similarities up to 1429
    expect(loss / contrastByPairs(f, y, 4, 0.07)).toBeCloseTo(1, 4);
  });

  it("is 0 where no row has a positive", () => {
    const rows = tensor(unitRows(3, 2), [3, 2]).requireGrad();
    const loss = supervisedContrast(rows, classes([0, 1, 2]), 0.07);
    loss.backward();
    expect([loss.item(), ...numbers(rows.grad!)]).toEqual(
      [0, 0, 0, 0, 0, 0, 0].map((v) => expect.closeTo(v, 6)),
    );
  });

  it("does not depend on the order of rows", () => {
    const [f, y] = [unitRows(50, 4), Array.from({ length: 50 }, (_, i) => i % 3)];
    const reversed = Array.from({ length: 50 }, (_, i) => f.slice((49 - i) * 4, (50 - i) * 4)).flat();
    const [a, b] = [
      supervisedContrast(tensor(f, [50, 4]), classes(y), 0.07).item(),
      supervisedContrast(tensor(reversed, [50, 4]), classes([...y].reverse()), 0.07).item(),
    ];
    expect(a / b).toBeCloseTo(1, 5);
  });

  it("gives other devices, block by block, what the processor gets in one pass", () => {
    scope(() => {
      const n = 1100; // more than a block
      const f = tensor(unitRows(n, 4), [n, 4]);
      const weights = Array.from({ length: n }, (_, i) => (i % 3 === 0 ? 0 : 1));
      const blocks = logSumsByBlocks(f, tensor(weights, [n, 1]), 0.07);
      const [value, gradient] = callOwnMany("pair_log_sums", f, tensor(weights, [n]), 0.07) as [
        Tensor,
        Tensor,
      ];
      expect(blocks.value.item() / value.item()).toBeCloseTo(1, 5);
      const [ours, theirs] = [numbers(blocks.gradient), numbers(gradient)];
      const largest = Math.max(...ours.map(Math.abs));
      expect(Math.max(...ours.map((g, i) => Math.abs(g - theirs[i]!))) / largest).toBeLessThan(1e-4);
    });
  });
});

describe("boundaryContrast", () => {
  const shape: Shape = [2, 3, 4];
  const half = Uint8Array.from({ length: 24 }, (_, i) => (i % 4 < 2 ? 0 : 1)); // boundary voxels: w = 2, all class 1
  const mixed = Uint8Array.from({ length: 24 }, (_, i) => [0, 0, 1, 2][(i + Math.floor(i / 12)) % 4]!);
  const options = (features: FeatureOrder, anchors = Number.POSITIVE_INFINITY) => ({
    temperature: 0.5,
    anchors,
    features,
  });
  const [k, v] = [3, 24];
  const features = wave(2 * k * v);
  const as5d = (values: readonly number[], patches = 2) => tensor(values, [patches, k, ...shape]);

  /** Rows and classes of one patch, gathered on the host. */
  const gathered = (patch: number, labels: Uint8Array, order: FeatureOrder) => {
    const near = [...boundaryMask(labels, shape).entries()].filter(([, m]) => m).map(([i]) => i);
    const at = (c: number, i: number) => features[(patch * k + c) * v + i]!;
    const byChannel = Array.from({ length: k }, (_, c) => near.map((i) => at(c, i)));
    const rows =
      order === "per-voxel"
        ? near.flatMap((_, r) => byChannel.map((values) => values[r]!))
        : byChannel.flat();
    return contrastByPairs(
      rows,
      near.map((i) => labels[i]!),
      k,
      0.5,
    );
  };

  it.each(["per-voxel", "published-order"] as const)("is the mean over patches, features %s", (order) => {
    const loss = boundaryContrast(as5d(features), [half, mixed], options(order))!;
    const expected = (gathered(0, half, order) + gathered(1, mixed, order)) / 2;
    expect(loss.item() / expected).toBeCloseTo(1, 5);
  });

  it.each(["per-voxel", "published-order"] as const)(
    "agrees with finite differences, features %s",
    (order) => {
      expectGradient(
        (x) => boundaryContrast(unitLength(x, 1), [mixed], options(order))!,
        [1, k, ...shape],
        features.slice(0, k * v),
        { single: true, tolerance: 2e-2 },
      );
    },
  );

  it("leaves out patches without a boundary, and is nothing where none has one", () => {
    const flat = new Uint8Array(24);
    const loss = boundaryContrast(as5d(features), [flat, mixed], options("per-voxel"))!;
    expect(loss.item() / gathered(1, mixed, "per-voxel")).toBeCloseTo(1, 5);
    expect(boundaryContrast(as5d(features), [flat, flat], options("per-voxel"))).toBeNull();
    const corner = new Uint8Array(24);
    corner[23] = 1; // one boundary voxel: it has no other to be compared with
    expect(boundaryContrast(as5d(features), [corner, flat], options("per-voxel"))).toBeNull();
  });

  it.each([10, 25])("refuses a label map of %i voxels for patches of 24", (length) => {
    const odd = Uint8Array.from({ length }, (_, i) => i % 2);
    expect(() => boundaryContrast(as5d(features), [half, odd], options("per-voxel"))).toThrow(
      `boundaryContrast: labels[1] has ${length} voxels, a patch of 2x3x4 has 24; give a class for each voxel`,
    );
  });

  it("draws the anchors at random where there are too many", () => {
    const draw = (seed: number) => {
      seedGenerators(seed);
      return boundaryContrast(as5d(features), [mixed, mixed], options("per-voxel", 6))!.item();
    };
    expect(draw(1)).toBe(draw(1));
    expect(new Set([1, 2, 3, 4].map(draw)).size).toBeGreaterThan(1);
    const x = as5d(features).requireGrad();
    boundaryContrast(x, [mixed, new Uint8Array(24)], options("per-voxel", 6))!.backward();
    const touched = numbers(x.grad!.square().sum([1])).filter((g) => g > 0);
    expect(touched.length).toBe(6);
  });
});
