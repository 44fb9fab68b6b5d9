import {
  DRAG_MODE,
  MULTIPLANAR_TYPE,
  Niivue,
  type NVImage,
  NVMesh,
  SHOW_RENDER,
  SLICE_TYPE,
} from "@niivue/niivue";
import type { Layers } from "../../src/viewer/api.js";
import { css, PREDICTION, REFERENCE, type Rgb, SAMPLE, shade } from "./colours.js";
import { ContourOverlay, type ContourStyle } from "./contour-overlay.js";
import { asLabelMap, classColours, disagreement } from "./label-colours.js";
import { LabelVolume } from "./label-volume.js";
import { isCt } from "./modality.js";
import { spareGradient } from "./no-gradient.js";
import { type LayerName, type Layout, type SceneState, START } from "./scene-state.js";
import { surfaceOf } from "./surface.js";
import { loadVolume } from "./volume-loader.js";

/** What lies under the crosshair. */
export interface Location {
  readonly mm: readonly [number, number, number];
  readonly voxel: readonly [number, number, number];
  readonly intensity: number;
  readonly uncertainty: number | null;
  readonly labels: Readonly<Record<string, string>>;
}

export interface SceneEvents {
  readonly onLocation: (location: Location) => void;
  readonly onStatus: (text: string | null, part?: number | null) => void;
  readonly onWindow: (low: number, high: number) => void;
}

/** Images with more voxels are shown coarsely at once, and in full when they have come. */
const COARSE_FROM_VOXELS = 4_000_000;
/** Surfaces of larger label maps would hold up the page. */
const SURFACE_MOST_VOXELS = 40_000_000;
const HEAT = "penumbra-heat";
const SLICE_TYPES: Record<Layout, SLICE_TYPE> = {
  all: SLICE_TYPE.MULTIPLANAR,
  axial: SLICE_TYPE.AXIAL,
  coronal: SLICE_TYPE.CORONAL,
  sagittal: SLICE_TYPE.SAGITTAL,
  "3d": SLICE_TYPE.RENDER,
};
const ZOOM_3D = 1.2;
/** A clip plane beyond the volume, and one that hides all of it. */
const CLIP_NOTHING = [2, 0, 0];
const CLIP_ALL = [-2, 0, 0];

type LabelName = "reference" | "prediction";
interface LabelLayer {
  readonly image: NVImage;
  readonly volume: LabelVolume;
  readonly classes: readonly number[];
}

/** A case on the screen: NiiVue's image, heat and areas, our outlines over it, surfaces in 3-D. */
export class Scene {
  readonly nv: Niivue;
  readonly overlay: ContourOverlay;
  readonly #labels = new Map<string, LabelLayer>();
  readonly #surfaces = new Map<LabelLayer, NVMesh[]>();
  #heat: NVImage | null = null;
  #difference: NVImage | null = null;
  #layers: Layers | null = null;
  #classNames: readonly string[] = [];
  #state: SceneState = START;
  #loading = new AbortController();
  #full = false;
  readonly #ready: Promise<unknown>;

  constructor(
    canvas: HTMLCanvasElement,
    lines: HTMLCanvasElement,
    readonly events: SceneEvents,
  ) {
    this.nv = new Niivue({
      backColor: [0.035, 0.043, 0.051, 1],
      crosshairWidth: 0, // the overlay draws a finer one
      fontColor: [0.78, 0.82, 0.86, 1],
      fontMinPx: 11,
      show3Dcrosshair: false,
      isOrientCube: false,
      isColorbar: false,
      isRadiologicalConvention: true,
      multiplanarPadPixels: 4,
      multiplanarLayout: MULTIPLANAR_TYPE.GRID,
      multiplanarShowRender: SHOW_RENDER.ALWAYS,
      meshThicknessOn2D: 0,
      dragMode: DRAG_MODE.windowing,
      dragAndDropEnabled: false,
      isAntiAlias: true,
      loadingText: "",
      logLevel: "error",
      clipPlaneHotKey: "",
      cycleClipPlaneHotKey: "",
      viewModeHotKey: "",
      maxDrawUndoBitmaps: 12,
    });
    this.nv.addColormap(HEAT, heatMap());
    this.overlay = new ContourOverlay(this.nv, lines);
    const draw = this.nv.drawSceneCore.bind(this.nv);
    this.nv.drawSceneCore = () => {
      const answer = draw();
      this.overlay.draw();
      return answer;
    };
    this.nv.onLocationChange = (location) => this.#tellLocation(location as { mm: number[]; vox: number[] });
    this.nv.onIntensityChange = (image: NVImage) => {
      if (image === this.nv.volumes[0]) this.events.onWindow(image.cal_min!, image.cal_max!);
    };
    this.#ready = this.nv.attachToCanvas(canvas).then(spareGradient);
  }

  /** Image of the case that is open, null before there is one. */
  get image(): NVImage | null {
    return this.nv.volumes[0] ?? null;
  }
  /** Whether the image on the screen is the file's own and not the coarse one. */
  get isFull(): boolean {
    return this.#full;
  }
  get samples(): number {
    return this.#layers?.samples.length ?? 0;
  }

  /** Shows a case: the image first, then its outlines. Stops what is still loading of the one before. */
  async open(layers: Layers, classNames: readonly string[], voxels: number): Promise<void> {
    this.#loading.abort();
    this.#loading = new AbortController();
    const { signal } = this.#loading;
    await this.#ready;
    this.#clear();
    this.#layers = layers;
    this.#classNames = classNames;
    this.events.onStatus("loading the image", null);
    try {
      if (voxels > COARSE_FROM_VOXELS) {
        const coarse = await loadVolume(`${layers.image}${layers.image.includes("?") ? "&" : "?"}coarse`, {
          signal,
        });
        this.#showCoarse(coarse);
        this.events.onStatus("a coarse picture; the whole image is on its way", 0);
      }
      const onProgress = (part: number | null) => this.events.onStatus("loading the image", part);
      const full = await loadVolume(layers.image, { signal, onProgress, voxelBytes: 2 * voxels });
      this.#begin(full);
      this.#full = true;
      await this.update(this.#state);
      this.#goToLabels();
      this.events.onStatus(null);
    } catch (error) {
      if (!signal.aborted) this.events.onStatus((error as Error).message);
    }
  }

  /** The crosshair begins where there is something to see. */
  #goToLabels(): void {
    const { volume } = this.#labels.get("reference") ?? this.#labels.get("prediction") ?? {};
    const centre = volume?.centre();
    if (!centre) return;
    this.nv.scene.crosshairPos = this.nv.vox2frac(centre);
    this.nv.drawScene();
    this.nv.createOnLocationChange();
  }

  #clear(): void {
    this.#full = false;
    this.nv.closeDrawing();
    for (const meshes of this.#surfaces.values()) for (const mesh of meshes) this.nv.removeMesh(mesh);
    this.#surfaces.clear();
    this.#labels.clear();
    this.#heat = null;
    this.#difference = null;
    this.overlay.show([], false);
    this.#setVolumes(null, []);
    this.nv.updateGLVolume();
  }

  #setVolumes(image: NVImage | null, over: readonly NVImage[]): void {
    this.nv.volumes = image ? [image, ...over] : [];
    this.nv.back = image;
    this.nv.overlays = [...over];
  }

  #showCoarse(image: NVImage): void {
    this.#begin(image);
    this.#clip(this.#state.volume3d);
    this.nv.updateGLVolume();
  }

  /** Makes an image the one that is shown; the next update draws it. */
  #begin(image: NVImage): void {
    if (!this.image) this.nv.scene.volScaleMultiplier = ZOOM_3D;
    this.#setVolumes(image, []);
    this.#applyWindow();
    this.nv.opts.sliceType = SLICE_TYPES[this.#state.layout];
  }

  /** Loads what a state needs and shows it. */
  async update(state: SceneState): Promise<void> {
    this.#state = state;
    const image = this.image;
    const layers = this.#layers;
    if (!image || !layers || !this.#full) return;
    const { signal } = this.#loading;
    const { reference, prediction, disagreement: differs, uncertainty, samples } = state.layers;
    if ((reference.on || differs.on) && layers.reference)
      await this.#label("reference", layers.reference, REFERENCE);
    if ((prediction.on || differs.on) && layers.prediction)
      await this.#label("prediction", layers.prediction, PREDICTION);
    if (uncertainty.on && layers.uncertainty) await this.#loadHeat(layers.uncertainty);
    if (samples.on) {
      for (const [i, url] of layers.samples.entries()) await this.#label(`sample ${i}`, url, SAMPLE);
    }
    if (signal.aborted || state !== this.#state) return;
    this.#render();
  }

  async #label(name: string, url: string, colour: Rgb): Promise<LabelLayer> {
    const known = this.#labels.get(name);
    if (known) return known;
    const image = await loadVolume(url, { signal: this.#loading.signal });
    const names = this.#classNames.slice(1);
    asLabelMap(image, classColours(colour, this.#classNames.length), names);
    const volume = new LabelVolume(image.img!, image);
    const layer = { image, volume, classes: volume.classes() };
    this.#labels.set(name, layer);
    return layer;
  }

  async #loadHeat(url: string): Promise<void> {
    if (this.#heat) return;
    const heat = await loadVolume(url, { signal: this.#loading.signal });
    heat.colormap = HEAT;
    heat.cal_min = 0;
    heat.cal_max = Math.log(Math.max(2, this.#classNames.length));
    this.#heat = heat;
  }

  /** Areas and heat through NiiVue, outlines through our overlay, surfaces as meshes. */
  #render(): void {
    const { layers, sample, volume3d, layout, crosshair } = this.#state;
    const image = this.image!;
    const [reference, prediction] = [this.#labels.get("reference"), this.#labels.get("prediction")];
    const front = this.#labels.get(`sample ${sample}`);
    if (layers.disagreement.on && reference && prediction)
      this.#difference ??= disagreement(prediction.image, reference.image);
    const areas: [NVImage | null | undefined, LayerName][] = [
      [this.#heat, "uncertainty"],
      [this.#difference, "disagreement"],
      [reference?.image, "reference"],
      [prediction?.image, "prediction"],
      [front?.image, "samples"],
    ];
    const shown = areas.flatMap(([area, name]) => {
      const { on, fill } = layers[name];
      if (!area || !on || fill === 0) return [];
      area.opacity = fill;
      return [area];
    });
    this.#setVolumes(image, shown);
    this.#applyWindow();
    this.nv.opts.sliceType = SLICE_TYPES[layout];
    this.#clip(volume3d || this.#labels.size === 0);
    this.#showSurfaces();
    this.nv.updateGLVolume();
    this.overlay.show(this.#outlines(), crosshair);
    this.nv.createOnLocationChange();
  }

  /** In 3-D, label maps are surfaces; the image and what lies over it are shown only when asked for. */
  #clip(volume3d: boolean): void {
    this.nv.opts.isClipAllVolumes = !volume3d;
    this.nv.setClipPlane(volume3d ? CLIP_NOTHING : CLIP_ALL);
  }

  #applyWindow(): void {
    const image = this.image!;
    const [low, high] = this.#state.window ?? automaticWindow(image);
    image.cal_min = low;
    image.cal_max = high > low ? high : low + 1;
    this.events.onWindow(image.cal_min, image.cal_max);
  }

  #outlines(): ContourStyle[] {
    const { layers, allSamples, sample } = this.#state;
    const styles: ContourStyle[] = [];
    const add = (name: string, colour: Rgb, width: number, alpha = 1, dash?: number[]) => {
      const layer = this.#labels.get(name);
      if (!layer) return;
      const colourOf = (label: number) => css(shade(colour, label, this.#classNames.length), alpha);
      styles.push({ volume: layer.volume, classes: layer.classes, colourOf, width, ...(dash && { dash }) });
    };
    if (layers.samples.on) {
      for (let i = 0; i < this.samples && allSamples; i++) add(`sample ${i}`, SAMPLE, 1, 0.4);
    }
    if (layers.reference.on) add("reference", REFERENCE, 2);
    if (layers.prediction.on) add("prediction", PREDICTION, 2, 1, layers.reference.on ? [6, 4] : undefined);
    if (layers.samples.on) add(`sample ${sample}`, SAMPLE, 2);
    return styles;
  }

  /** Surfaces of what is switched on; made once, then hidden and shown. */
  #showSurfaces(): void {
    const { layers, sample } = this.#state;
    const wanted: [LabelLayer | undefined, boolean, Rgb, number][] = [
      [this.#labels.get("prediction"), layers.prediction.on, PREDICTION, 1],
      [this.#labels.get("reference"), layers.reference.on, REFERENCE, 0.4],
    ];
    for (let i = 0; i < this.samples; i++) {
      wanted.push([this.#labels.get(`sample ${i}`), layers.samples.on && i === sample, SAMPLE, 0.7]);
    }
    for (const [layer, on, colour, opacity] of wanted) {
      if (!layer) continue;
      if (on && !this.#surfaces.has(layer)) this.#surfaces.set(layer, this.#meshesOf(layer, colour, opacity));
      for (const mesh of this.#surfaces.get(layer) ?? []) mesh.visible = on;
    }
  }

  #meshesOf({ volume, classes }: LabelLayer, colour: Rgb, opacity: number): NVMesh[] {
    const [nx, ny, nz] = volume.size;
    if (nx * ny * nz > SURFACE_MOST_VOXELS) return [];
    return classes.flatMap((label) => {
      const surface = surfaceOf(volume, label);
      if (!surface) return [];
      const points = this.#toMm(surface.points, volume);
      const rgba = Uint8Array.from([...shade(colour, label, this.#classNames.length), 255]);
      const mesh = new NVMesh(points, surface.triangles, `class ${label}`, rgba, opacity, true, this.nv.gl);
      this.nv.addMesh(mesh);
      return [mesh];
    });
  }

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

  #tellLocation({ mm, vox }: { mm: number[]; vox: number[] }): void {
    const image = this.image;
    if (!image) return;
    const [x, y, z] = vox.map(Math.round) as [number, number, number];
    const named = (name: LabelName) => {
      const layer = this.#labels.get(name);
      return layer ? { [name]: this.#classNames[layer.volume.at(x, y, z)] ?? "" } : {};
    };
    this.events.onLocation({
      mm: [mm[0]!, mm[1]!, mm[2]!],
      voxel: [x, y, z],
      intensity: image.getValue(x, y, z),
      uncertainty: this.#heat ? this.#heat.getValue(x, y, z) : null,
      labels: { ...named("reference"), ...named("prediction") },
    });
  }

  /** A label map that is loaded, by its layer's name. */
  labelVolume(name: LabelName): LabelVolume | null {
    return this.#labels.get(name)?.volume ?? null;
  }

  close(): void {
    this.#loading.abort();
    this.nv.gl?.getExtension("WEBGL_lose_context")?.loseContext();
  }
}

/** Soft tissue for CT, whose air and bone would take all the grey; else the range without the outermost 2 %. */
const automaticWindow = (image: NVImage): readonly [number, number] =>
  isCt(image) ? [-160, 240] : [image.robust_min!, image.robust_max!];

/** Inferno: lightness rises evenly, so that it also reads in grey; certain tissue stays plain. */
function heatMap() {
  return {
    R: [0, 85, 186, 249, 252],
    G: [0, 15, 54, 140, 255],
    B: [4, 109, 85, 10, 164],
    A: [0, 70, 150, 210, 240],
    I: [0, 64, 128, 192, 255],
  };
}
