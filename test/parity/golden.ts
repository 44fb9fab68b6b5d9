import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { fromArray } from "../../src/engine/make-tensor.js";
import type { Tensor } from "../../src/engine/tensor.js";
import { type HostTensor, readSafetensors } from "../../src/training/safetensors.js";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

const FIXTURES = here("../fixtures/golden");

/** Where reference numbers lie: GOLDEN_DIR alone, or the copies in the project and the full set beside it. */
const folders = process.env.GOLDEN_DIR
  ? [process.env.GOLDEN_DIR]
  : [FIXTURES, here("../../../shared/golden")].filter((folder) => existsSync(folder));

/** What reference numbers are of, as the names of their files begin: "losses.seed1", "network_none.seed1". */
const KINDS = [
  "losses",
  "metrics",
  "network",
  "sampling",
  "sliding_window",
  "stage1_step",
  "stage2_step",
] as const;
type Kind = (typeof KINDS)[number];
const isOf = (kind: Kind, name: string) => name.startsWith(`${kind}.`) || name.startsWith(`${kind}_`);

/** Those that no test would look at. */
export const ofNoKind = (names: Iterable<string>): string[] =>
  [...names].filter((name) => !KINDS.some((kind) => isOf(kind, name)));

/** Every file of reference numbers by name; the first folder that has a name wins. */
const files = new Map<string, string>();
for (const folder of folders) {
  for (const name of readdirSync(folder)) {
    if (name.endsWith(".safetensors") && !files.has(name)) files.set(name, join(folder, name));
  }
}

export const goldenNames = (): string[] => [...files.keys()].sort();

/** One file of reference numbers. */
export class Golden {
  readonly metadata: Record<string, string>;
  readonly #tensors: Map<string, HostTensor>;
  constructor(readonly file: string) {
    const { metadata, tensors } = readSafetensors(file);
    this.metadata = metadata;
    this.#tensors = tensors;
  }
  names(prefix = ""): string[] {
    return [...this.#tensors.keys()].filter((name) => name.startsWith(prefix));
  }
  raw(name: string): HostTensor {
    const found = this.#tensors.get(name);
    if (!found) throw new Error(`${this.file} has no "${name}"`);
    return found;
  }
  has(name: string): boolean {
    return this.#tensors.has(name);
  }
  tensor(name: string): Tensor {
    const { data, shape } = this.raw(name);
    return fromArray(data as Float32Array, shape);
  }
  values(name: string): number[] {
    return Array.from(this.raw(name).data as Float32Array, Number);
  }
  number(name: string): number {
    return this.values(name)[0]!;
  }
  /** The tensors under "prefix.", by the rest of their names. */
  state(prefix: string): Map<string, Tensor> {
    return new Map(
      this.names(`${prefix}.`).map((name) => [name.slice(prefix.length + 1), this.tensor(name)]),
    );
  }
}

/** The project's own copy, whatever other folders hold under its name: what belongs to other fixtures needs these very numbers. */
export const ownGolden = (name: string): Golden => new Golden(join(FIXTURES, name));

/** The tests of `body` for each file of a kind, or one that fails where a file can't be; one that is skipped and says why where there is none. */
export function describeGolden(kind: Kind, body: (golden: Golden) => void): void {
  const found = goldenNames().filter((name) => isOf(kind, name));
  for (const name of found) {
    describe(name, () => {
      try {
        body(new Golden(files.get(name)!));
      } catch (error) {
        // else the other files of the kind would not be looked at either
        it("can be compared", () => {
          throw error;
        });
      }
    });
  }
  if (found.length === 0) it.skip(`${kind}: no ${kind}*.safetensors in ${folders.join(" or ")}`);
}

/** Largest difference relative to the largest expected magnitude. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  let difference = 0;
  let magnitude = 0;
  for (let i = 0; i < expected.length; i++) {
    difference = Math.max(difference, Math.abs(actual[i]! - expected[i]!));
    magnitude = Math.max(magnitude, Math.abs(expected[i]!));
    if (!Number.isFinite(actual[i]!)) return Number.POSITIVE_INFINITY;
  }
  return difference / Math.max(magnitude, 1e-12);
}

/** Fails unless a tensor agrees with reference values to a relative tolerance of their largest magnitude. */
export function expectClose(actual: Tensor, golden: Golden, name: string, tolerance: number): void {
  const expected = golden.raw(name);
  expect(actual.shape, name).toEqual([...expected.shape]);
  expect(relativeError(actual.toFloat32Array(), golden.values(name)), name).toBeLessThan(tolerance);
}

/** What rounding alone makes of a number of this size in float32, twice. */
const rounding = (magnitude: number) => magnitude * 2 ** -22;

export const largest = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((max, v) => Math.max(max, Math.abs(v)), 0);
export const differences = (a: ArrayLike<number>, b: ArrayLike<number>): number[] =>
  Array.from(a, (v, i) => v - b[i]!);

/** Largest difference after a step, beyond rounding, relative to the largest change that the expected step makes. */
export function stepError(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  before: ArrayLike<number>,
): number {
  const wrong = largest(differences(actual, expected)) - rounding(largest(expected));
  return wrong <= 0 ? 0 : wrong / largest(differences(expected, before));
}

/** Voxels whose label has a score that is more than `tie` below the best class's. scores [C,V], labels [V] */
export function unlikelyLabels(scores: Float32Array, labels: Uint8Array, tie: number): number[] {
  const voxels = labels.length;
  const scoresOf = (i: number) =>
    Array.from({ length: scores.length / voxels }, (_, c) => scores[c * voxels + i]!);
  const isLikely = (label: number, of: number[]) => Math.max(...of) - of[label]! <= tie; // not for a label that is no class
  return [...labels.keys()].filter((i) => !isLikely(labels[i]!, scoresOf(i)));
}

/**
 * How far a generalized energy distance may be from the file's, relatively: it is a difference of means of distances, each
 * of them rounded as numbers of their size, or of 1, from which overlaps are taken, are. Below 0 for some divergences.
 */
export const energyTolerance = (distance: number, diversities: readonly number[]): number =>
  (1e-5 * Math.max(0.01, ...diversities)) / Math.abs(distance);

/**
 * How far rounding alone moves a gradient: the most that those of inputs that differ by rounding differ from the first, relatively,
 * and at most 1 %. Where many ReLU inputs lie within rounding of zero, no two processors decide all of them alike.
 */
export const movedByRounding = ([first, ...others]: readonly ArrayLike<number>[]): number =>
  Math.min(0.01, Math.max(0, ...others.map((other) => relativeError(other, first!))));

/** The published code raises its ramps in blocks of this many iterations; ours rises with every one. */
const RAMP_BLOCK = 150;

/** The iteration, of a step's own and the first of its block, whose ramp weight is nearer to the file's. */
export function rampIteration(
  iteration: number,
  weight: number,
  weightAt: (iteration: number) => number,
): number {
  const block = iteration - (iteration % RAMP_BLOCK);
  const error = (at: number) => Math.abs(weightAt(at) - weight);
  return error(block) < error(iteration) ? block : iteration;
}
