import type { Niivue } from "@niivue/niivue";
import { type Outline, outlines } from "./contours.js";
import { type LabelVolume, PLANE_AXES, type Plane, type Size } from "./label-volume.js";

/** Lines to draw for one label map. */
export interface ContourStyle {
  readonly volume: LabelVolume;
  readonly classes: readonly number[];
  readonly colourOf: (label: number) => string;
  /** In points. */
  readonly width: number;
  readonly dash?: readonly number[];
}

const PLANES: Readonly<Record<number, Plane>> = { 0: "axial", 1: "coronal", 2: "sagittal" };
const MOST_KEPT = 2000;
/** Points around the crosshair's place without a line. */
const GAP = 10;
/** Fractions of the volume as coordinates. */
const UNIT: Size = [1, 1, 1];
type Tile = Niivue["screenSlices"][number];

/** Sharp lines of label maps over NiiVue's slices, at any zoom, on a canvas of their own. */
export class ContourOverlay {
  #styles: readonly ContourStyle[] = [];
  readonly #kept = new Map<string, Outline[]>();
  readonly #classes = new Map<string, ReadonlySet<number>>();
  readonly #names = new WeakMap<LabelVolume, number>();
  #next = 0;
  #crosshair = true;

  constructor(
    readonly nv: Niivue,
    readonly canvas: HTMLCanvasElement,
  ) {}

  show(styles: readonly ContourStyle[], crosshair: boolean): void {
    this.#styles = styles;
    this.#crosshair = crosshair;
    this.draw();
  }

  draw(): void {
    const source = this.nv.gl.canvas;
    const context = this.canvas.getContext("2d")!;
    if (this.canvas.width !== source.width || this.canvas.height !== source.height) {
      this.canvas.width = source.width;
      this.canvas.height = source.height;
    }
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (this.nv.volumes.length === 0) return;
    for (const tile of this.nv.screenSlices) {
      const plane = PLANES[tile.axCorSag];
      if (plane && Number.isFinite(tile.sliceFrac)) this.#drawTile(context, plane, tile);
    }
  }

  #drawTile(context: CanvasRenderingContext2D, plane: Plane, tile: Tile): void {
    const [left, top, width, height] = tile.leftTopWidthHeight as [number, number, number, number];
    context.save();
    context.beginPath();
    context.rect(left, top, width, height);
    context.clip();
    for (const style of this.#styles) {
      const toScreen = this.#mapping(plane, tile, style.volume.size);
      const { across } = PLANE_AXES[plane];
      const size = style.volume.size[across];
      const index = Math.min(size - 1, Math.max(0, Math.floor(tile.sliceFrac * size)));
      const here = this.#classesIn(style.volume, plane, index);
      for (const label of style.classes.filter((one) => here.has(one))) {
        const lines = this.#outlines(style.volume, plane, index, label);
        stroke(context, lines, toScreen, style, label);
      }
    }
    if (this.#crosshair) this.#drawCrosshair(context, plane, tile);
    context.restore();
  }

  /** Hairlines that leave the place itself free. */
  #drawCrosshair(context: CanvasRenderingContext2D, plane: Plane, tile: Tile): void {
    const { right, up } = PLANE_AXES[plane];
    const position = this.nv.scene.crosshairPos;
    const [left, top, width, height] = tile.leftTopWidthHeight as [number, number, number, number];
    const [x, y] = this.#mapping(plane, tile, UNIT)(position[right]!, position[up]!).map(Math.round) as [
      number,
      number,
    ];
    const gap = GAP * devicePixelRatio;
    context.beginPath();
    for (const [x0, y0, x1, y1] of [
      [left, y, x - gap, y],
      [x + gap, y, left + width, y],
      [x, top, x, y - gap],
      [x, y + gap, x, top + height],
    ] as const) {
      context.moveTo(x0 + 0.5, y0 + 0.5);
      context.lineTo(x1 + 0.5, y1 + 0.5);
    }
    context.setLineDash([]);
    context.lineWidth = devicePixelRatio;
    context.strokeStyle = "rgb(255 255 255 / 0.38)";
    context.stroke();
  }

  /** Slice coordinates (pixels from the corner) -> canvas. */
  #mapping(plane: Plane, tile: Tile, size: Size) {
    const { right, up } = PLANE_AXES[plane];
    const low = this.nv.frac2mm([0, 0, 0]);
    const high = this.nv.frac2mm([1, 1, 1]);
    const [left, top, width, height] = tile.leftTopWidthHeight as [number, number, number, number];
    const [x0, y0] = tile.leftTopMM as [number, number];
    const [fovX, fovY] = tile.fovMM as [number, number];
    return (u: number, v: number): [number, number] => {
      const mmX = low[right]! + (u / size[right]) * (high[right]! - low[right]!);
      const mmY = low[up]! + (v / size[up]) * (high[up]! - low[up]!);
      return [left + ((mmX - x0) / fovX) * width, top + height - ((mmY - y0) / fovY) * height];
    };
  }

  /** A slice's own name among all volumes. */
  #nameOf(volume: LabelVolume, plane: Plane, index: number): string {
    let name = this.#names.get(volume);
    if (name === undefined) {
      name = this.#next++;
      this.#names.set(volume, name);
    }
    return `${name} ${plane} ${index}`;
  }

  /** Classes of a slice: of a hundred few are in it. */
  #classesIn(volume: LabelVolume, plane: Plane, index: number): ReadonlySet<number> {
    const key = this.#nameOf(volume, plane, index);
    let found = this.#classes.get(key);
    if (!found) {
      found = new Set(volume.slice(plane, index).labels);
      if (this.#classes.size >= MOST_KEPT) this.#classes.clear();
      this.#classes.set(key, found);
    }
    return found;
  }

  #outlines(volume: LabelVolume, plane: Plane, index: number, label: number): Outline[] {
    const key = `${this.#nameOf(volume, plane, index)} ${label}`;
    const known = this.#kept.get(key);
    if (known) return known;
    const { labels, width, height } = volume.slice(plane, index);
    const found = outlines(labels, width, height, label);
    if (this.#kept.size >= MOST_KEPT) this.#kept.clear();
    this.#kept.set(key, found);
    return found;
  }
}

function stroke(
  context: CanvasRenderingContext2D,
  lines: readonly Outline[],
  toScreen: (u: number, v: number) => [number, number],
  { width, dash = [], colourOf }: ContourStyle,
  label: number,
): void {
  context.beginPath();
  for (const line of lines) {
    for (let i = 0; i < line.length; i += 2) {
      const [x, y] = toScreen(line[i]!, line[i + 1]!);
      if (i === 0) context.moveTo(x, y);
      else context.lineTo(x, y);
    }
    context.closePath();
  }
  context.lineWidth = width * devicePixelRatio;
  context.setLineDash(dash.map((length) => length * devicePixelRatio));
  context.strokeStyle = colourOf(label);
  context.stroke();
}
