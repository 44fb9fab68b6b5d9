import type { NVImage } from "@niivue/niivue";

export type Plane = "axial" | "coronal" | "sagittal";

/** Voxels along x (left to right), y (back to front), z (feet to head): NiiVue's order, whatever the file's is. */
export type Size = readonly [number, number, number];

/** Picture axes of each plane, and the axis across it, as indices of x, y, z. */
export const PLANE_AXES: Record<Plane, { right: 0 | 1; up: 1 | 2; across: 0 | 1 | 2 }> = {
  axial: { right: 0, up: 1, across: 2 },
  coronal: { right: 0, up: 2, across: 1 },
  sagittal: { right: 1, up: 2, across: 0 },
};

/** A label map as it lies in its file, read by patient axes. */
export class LabelVolume {
  readonly size: Size;
  readonly #fileSize: readonly [number, number];
  readonly #start: number;
  readonly #step: readonly [number, number, number];
  #extents: ReadonlyMap<number, Extent> | null = null;

  constructor(
    readonly voxels: ArrayLike<number>,
    like: NVImage,
  ) {
    const [, x = 1, y = 1, z = 1] = like.dimsRAS!;
    this.size = [x, y, z];
    const [, i = 1, j = 1] = like.hdr!.dims;
    this.#fileSize = [i, j];
    this.#start = like.img2RASstart!.reduce((sum, value) => sum + value, 0);
    this.#step = like.img2RASstep! as unknown as [number, number, number];
  }

  /** Place of a voxel in the file. */
  indexOf(x: number, y: number, z: number): number {
    const [sx, sy, sz] = this.#step;
    return this.#start + x * sx + y * sy + z * sz;
  }

  /** Indices in the file of a voxel, along its i, j, k. */
  fileVoxelOf(x: number, y: number, z: number): [number, number, number] {
    const [nx, ny] = this.#fileSize;
    const index = this.indexOf(x, y, z);
    return [index % nx, Math.floor(index / nx) % ny, Math.floor(index / (nx * ny))];
  }

  at(x: number, y: number, z: number): number {
    return this.voxels[this.indexOf(x, y, z)] ?? 0;
  }

  /** One slice, row by row from the lowest index of the upward axis. */
  slice(plane: Plane, index: number): { labels: Uint8Array; width: number; height: number } {
    const { right, up, across } = PLANE_AXES[plane];
    const [width, height] = [this.size[right], this.size[up]];
    const labels = new Uint8Array(width * height);
    const base = this.#start + index * this.#step[across];
    for (let v = 0, i = 0; v < height; v++) {
      let at = base + v * this.#step[up];
      for (let u = 0; u < width; u++, i++, at += this.#step[right]) labels[i] = this.voxels[at]!;
    }
    return { labels, width, height };
  }

  /** Values in patient order (x fastest) -> the file's order. */
  toFileOrder(values: ArrayLike<number>): Uint8Array {
    const [nx, ny, nz] = this.size;
    const stored = new Uint8Array(nx * ny * nz);
    for (let z = 0, i = 0; z < nz; z++) {
      for (let y = 0; y < ny; y++) {
        for (let x = 0; x < nx; x++, i++) stored[this.indexOf(x, y, z)] = values[i]!;
      }
    }
    return stored;
  }

  /** The file's order -> patient order (x fastest), into `values`. */
  toPatientOrder(values: Uint8Array): void {
    const [nx, ny, nz] = this.size;
    for (let z = 0, i = 0; z < nz; z++) {
      for (let y = 0; y < ny; y++) {
        for (let x = 0; x < nx; x++, i++) values[i] = this.at(x, y, z);
      }
    }
  }

  /** Where each class lies, background left out, in the classes' order; looked for once. */
  get extents(): ReadonlyMap<number, Extent> {
    this.#extents ??= extentsOf(this);
    return this.#extents;
  }

  /** Classes that occur, background left out. */
  classes(): number[] {
    return [...this.extents.keys()];
  }

  /** The voxel nearest to the mean of a class, or of everything labeled; null where nothing is. */
  centre(label?: number): [number, number, number] | null {
    const all = [...this.extents]
      .filter(([one]) => label === undefined || one === label)
      .map(([, one]) => one);
    const count = all.reduce((sum, one) => sum + one.count, 0);
    if (count === 0) return null;
    const mean = (axis: number) => all.reduce((sum, one) => sum + one.sum[axis]!, 0) / count;
    return [Math.round(mean(0)), Math.round(mean(1)), Math.round(mean(2))];
  }
}

/** First and last voxel of a class along x, y, z, how many it has, and the sum of their places. */
export interface Extent {
  readonly low: [number, number, number];
  readonly high: [number, number, number];
  readonly sum: [number, number, number];
  count: number;
}

function extentsOf(volume: LabelVolume): Map<number, Extent> {
  const [nx, ny, nz] = volume.size;
  const { voxels } = volume;
  const step = volume.indexOf(1, 0, 0) - volume.indexOf(0, 0, 0);
  const found = new Map<number, Extent>();
  for (let z = 0; z < nz; z++) {
    for (let y = 0; y < ny; y++) {
      for (let x = 0, at = volume.indexOf(0, y, z); x < nx; x++, at += step) {
        const label = voxels[at]!;
        if (label !== 0) widen(found, label, [x, y, z]);
      }
    }
  }
  return new Map([...found].sort(([a], [b]) => a - b));
}

function widen(found: Map<number, Extent>, label: number, at: [number, number, number]): void {
  let extent = found.get(label);
  if (!extent) {
    extent = { low: [...at], high: [...at], sum: [0, 0, 0], count: 0 };
    found.set(label, extent);
  }
  for (let axis = 0; axis < 3; axis++) {
    const value = at[axis]!;
    if (value < extent.low[axis]!) extent.low[axis] = value;
    if (value > extent.high[axis]!) extent.high[axis] = value;
    extent.sum[axis]! += value;
  }
  extent.count++;
}
