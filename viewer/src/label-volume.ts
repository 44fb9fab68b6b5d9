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
  readonly #start: number;
  readonly #step: readonly [number, number, number];

  constructor(
    readonly voxels: ArrayLike<number>,
    like: NVImage,
  ) {
    const [, x = 1, y = 1, z = 1] = like.dimsRAS!;
    this.size = [x, y, z];
    this.#start = like.img2RASstart!.reduce((sum, value) => sum + value, 0);
    this.#step = like.img2RASstep! as unknown as [number, number, number];
  }

  /** Place of a voxel in the file. */
  indexOf(x: number, y: number, z: number): number {
    const [sx, sy, sz] = this.#step;
    return this.#start + x * sx + y * sy + z * sz;
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

  /** The voxel nearest to the middle of everything labeled; null where nothing is. */
  centre(): [number, number, number] | null {
    const [nx, ny, nz] = this.size;
    const sum = [0, 0, 0];
    let count = 0;
    for (let z = 0; z < nz; z++) {
      for (let y = 0; y < ny; y++) {
        for (let x = 0; x < nx; x++) {
          if (this.at(x, y, z) === 0) continue;
          sum[0]! += x;
          sum[1]! += y;
          sum[2]! += z;
          count++;
        }
      }
    }
    return count === 0 ? null : (sum.map((value) => Math.round(value / count)) as [number, number, number]);
  }

  /** Classes that occur, background left out. */
  classes(): number[] {
    const seen = new Set<number>();
    for (let i = 0; i < this.voxels.length; i++) seen.add(this.voxels[i]!);
    seen.delete(0);
    return [...seen].sort((a, b) => a - b);
  }
}
