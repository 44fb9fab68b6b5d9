import { type Niivue, NVMesh } from "@niivue/niivue";
import { labelColour, type Rgb } from "./colours.js";
import type { LabelVolume } from "./label-volume.js";
import type { LabelLayer } from "./loaded-layers.js";
import { surfaceOf } from "./surface.js";

/** How the surfaces of a label map look in 3-D. */
export interface SurfaceStyle {
  readonly layer: LabelLayer;
  readonly on: boolean;
  readonly colour: Rgb;
  readonly opacity: number;
}

/** Surfaces of the classes of label maps; made when first wanted, then hidden and shown. */
export class SurfaceMeshes {
  readonly #made = new Map<LabelLayer, [number, NVMesh][]>();

  constructor(readonly nv: Niivue) {}

  show(styles: readonly SurfaceStyle[], classes: number, hidden: readonly number[]): void {
    const shown = new Set(styles.map(({ layer }) => layer));
    for (const [layer, meshes] of this.#made) {
      if (!shown.has(layer)) for (const [, mesh] of meshes) mesh.visible = false; // another has its place now
    }
    for (const style of styles) {
      const { layer, on, opacity } = style;
      if (on && !this.#made.has(layer)) this.#made.set(layer, this.#meshesOf(style, classes));
      for (const [label, mesh] of this.#made.get(layer) ?? []) {
        mesh.visible = on && !hidden.includes(label);
        mesh.opacity = opacity;
      }
    }
  }

  clear(): void {
    for (const mesh of this.nv.meshes) mesh.unloadMesh(this.nv.gl);
    this.nv.meshes = [];
    this.#made.clear();
  }

  #meshesOf(
    { layer: { volume, classes: labels }, colour }: SurfaceStyle,
    classes: number,
  ): [number, NVMesh][] {
    return labels.flatMap((label) => {
      const surface = surfaceOf(volume, label);
      if (!surface) return [];
      const points = this.#toMm(surface.points, volume);
      const rgba = Uint8Array.from([...labelColour(colour, label, classes), 255]);
      const mesh = new NVMesh(points, surface.triangles, `class ${label}`, rgba, 1, true, this.nv.gl);
      this.nv.meshes.push(mesh); // NiiVue's addMesh makes all textures anew and draws, for each mesh
      return [[label, mesh]];
    });
  }

  /** Voxels in patient order -> mm of NiiVue's world. */
  #toMm(points: Float32Array, { size }: LabelVolume): Float32Array {
    const at = (f: [number, number, number]) => this.nv.frac2mm(f, 0, true);
    const origin = at([0, 0, 0]);
    const edges = [at([1, 0, 0]), at([0, 1, 0]), at([0, 0, 1])];
    const mm = new Float32Array(points.length);
    for (let i = 0; i < points.length; i += 3) {
      for (let row = 0; row < 3; row++) {
        let value = origin[row]!;
        for (let axis = 0; axis < 3; axis++) {
          value += ((points[i + axis]! + 0.5) / size[axis]!) * (edges[axis]![row]! - origin[row]!);
        }
        mm[i + row] = value;
      }
    }
    return mm;
  }
}
