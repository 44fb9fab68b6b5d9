import { type Niivue, type NVImage, SLICE_TYPE } from "@niivue/niivue";
import { SOFT_TISSUE } from "../../src/report/ct-window.js";
import type { Layers } from "../../src/viewer/api.js";
import { css, labelColour, PREDICTION, REFERENCE, type Rgb, SAMPLE } from "./colours.js";
import { ContourOverlay, type ContourStyle } from "./contour-overlay.js";
import type { ImageTexture } from "./image-texture.js";
import { isCtImage } from "./intensity-range.js";
import { LabelVolume } from "./label-volume.js";
import { type LabelName, LoadedLayers, type SingleLabel } from "./loaded-layers.js";
import { newNiivue } from "./niivue-setup.js";
import { type LayerName, type Layout, type SceneState, START } from "./scene-state.js";
import { SurfaceMeshes, type SurfaceStyle } from "./surface-meshes.js";
import { isPlaced, loadVolume } from "./volume-loader.js";
import { WindowShader } from "./window-shader.js";

/** What lies under the crosshair. */
export interface Location {
  /** Null where the file does not say where the image lies. */
  readonly mm: readonly [number, number, number] | null;
  /** Of the file: i, j, k. */
  readonly voxel: readonly [number, number, number];
  readonly intensity: number;
  readonly uncertainty: number | null;
  readonly labels: Readonly<Record<string, string>>;
}

export interface SceneEvents {
  readonly onLocation: (location: Location) => void;
  readonly onStatus: (text: string | null, part?: number | null) => void;
  /** @param dragged whether a person chose it on the picture */
  readonly onWindow: (low: number, high: number, dragged: boolean) => void;
}

const SLICE_TYPES: Record<Layout, SLICE_TYPE> = {
  all: SLICE_TYPE.MULTIPLANAR,
  axial: SLICE_TYPE.AXIAL,
  coronal: SLICE_TYPE.CORONAL,
  sagittal: SLICE_TYPE.SAGITTAL,
  "3d": SLICE_TYPE.RENDER,
};
const ZOOM_3D = 1.2;
/** Opacity in 3-D of a reference over another surface, whose area has none. */
const CLEAREST = 0.4;
/** A clip plane beyond the volume, and one that hides all of it. */
const CLIP_NOTHING = [2, 0, 0];
const CLIP_ALL = [-2, 0, 0];

/** A case on the screen: NiiVue's image, heat and areas, our outlines over it, surfaces in 3-D. */
export class Scene {
  readonly nv: Niivue = newNiivue();
  readonly overlay: ContourOverlay;
  readonly #surfaces = new SurfaceMeshes(this.nv);
  readonly #window = new WindowShader(this.nv);
  #loaded: LoadedLayers | null = null;
  #state: SceneState = START;
  #loading = new AbortController();
  #full = false;
  /** What NiiVue's textures were made from, and what was last drawn: of a large volume both take time. */
  #made = "";
  #drawn = "";
  /** NiiVue draws with each setting: not before all are set. */
  #held = false;
  #begun: Promise<unknown> | null = null;

  constructor(
    readonly canvas: HTMLCanvasElement,
    lines: HTMLCanvasElement,
    readonly events: SceneEvents,
  ) {
    this.overlay = new ContourOverlay(this.nv, lines);
    const draw = this.nv.drawSceneCore.bind(this.nv);
    this.nv.drawSceneCore = () => {
      if (this.#held) return "";
      this.#window.apply();
      const answer = draw();
      this.overlay.draw();
      return answer;
    };
    this.nv.onLocationChange = (location) => this.#tellLocation(location as { mm: number[]; vox: number[] });
    this.nv.onIntensityChange = (image: NVImage) => {
      if (image !== this.image) return;
      this.events.onWindow(image.cal_min!, image.cal_max!, true);
    };
  }

  /** Image of the case that is open, null before there is one. */
  get image(): NVImage | null {
    return this.nv.volumes[0] ?? null;
  }
  /** Whether the image on the screen is the file's own and not a coarse one. */
  get isFull(): boolean {
    return this.#full;
  }

  /**
   * Shows a case: a large image coarsely while it comes, then the image, then its outlines. Ends the opening before. Returns
   * whether the image is there.
   */
  async open(layers: Layers, classNames: readonly string[]): Promise<boolean> {
    this.#loading.abort();
    this.#loading = new AbortController();
    const { signal } = this.#loading;
    const answer = fetch(layers.image, { signal }); // NiiVue begins while the server does
    answer.catch(() => undefined); // said where it is waited for
    this.#begun ??= this.nv.attachToCanvas(this.canvas).then(() => this.#window.begin());
    await this.#begun;
    this.#clear();
    this.events.onStatus("loading the image", null);
    try {
      const full = await this.#loadImage(answer);
      if (signal.aborted) return false;
      this.#full = true;
      this.#showImage(full, layers.reference === null && layers.prediction === null);
      this.#loaded = new LoadedLayers(layers, classNames, signal);
      this.events.onStatus("loading the outlines", null);
      await this.update(this.#state, true);
    } catch (error) {
      if (!signal.aborted) this.events.onStatus((error as Error).message);
    }
    return this.#full && !signal.aborted;
  }

  /** Takes over what lies over the same image now; the image and what is being drawn on it stay. */
  async relayer(layers: Layers): Promise<void> {
    if (!this.#loaded) return;
    this.#loaded = this.#loaded.with(layers);
    await this.update(this.#state);
  }

  /** A label map of the case by patient axes, fetched where it is not there yet. */
  async needLabel(name: SingleLabel): Promise<LabelVolume | null> {
    return (await this.#loaded?.need(name)) ?? null;
  }

  /** Slices go to the graphics card while the rest still comes. */
  async #loadImage(answer: Promise<Response>): Promise<NVImage> {
    let texture: ImageTexture | null = null;
    try {
      const image = await loadVolume(answer, {
        onPart: (part) => this.events.onStatus("loading the image", part),
        onCoarse: (coarse) => this.#showImage(coarse),
        sink: (size) => (texture = this.#window.incoming(size)),
      });
      this.#window.adopt(image, texture!);
      return image;
    } catch (error) {
      (texture as ImageTexture | null)?.close();
      throw error;
    }
  }

  /** The crosshair begins where there is something to see. */
  #placeCrosshair(): void {
    const { volume } = this.#loaded?.label("reference") ?? this.#loaded?.label("prediction") ?? {};
    const centre = volume?.centre();
    if (centre) this.nv.scene.crosshairPos = this.nv.vox2frac(centre);
  }

  /** The crosshair goes to the middle of a class. */
  goToClass(label: number): void {
    const volumes = (["reference", "prediction"] as const).map((name) => this.labelVolume(name));
    const centre = volumes.find((volume) => volume?.extents.has(label))?.centre(label);
    if (!centre) return;
    this.nv.scene.crosshairPos = this.nv.vox2frac(centre);
    this.nv.drawScene();
    this.nv.createOnLocationChange();
  }

  #clear(): void {
    this.#full = false;
    this.#made = "";
    this.#drawn = "";
    this.#loaded = null;
    this.nv.closeDrawing();
    this.#surfaces.clear();
    this.overlay.show([], false);
    this.#setVolumes(null, []);
    this.nv.updateGLVolume();
  }

  #setVolumes(image: NVImage | null, over: readonly NVImage[]): void {
    this.nv.volumes = image ? [image, ...over] : [];
    this.nv.back = image;
    this.nv.overlays = [...over];
  }

  /** The image alone, before anything that lies over it has come. */
  #showImage(image: NVImage, volume3d = false): void {
    if (!this.image) this.nv.scene.volScaleMultiplier = ZOOM_3D;
    this.#draw(image, [], volume3d || this.#state.volume3d);
    performance.mark(this.#full ? "whole image" : "coarse image"); // for the benchmark
  }

  #draw(image: NVImage, over: readonly NVImage[], volume3d: boolean): void {
    const { layout } = this.#state;
    this.#held = true;
    this.#setVolumes(image, over);
    this.#applyWindow(image);
    this.nv.opts.sliceType = SLICE_TYPES[layout];
    this.nv.opts.isOrientationTextVisible = isPlaced(image);
    // In 3-D, label maps are surfaces; the image and what lies over it are shown only when asked for.
    this.nv.opts.isClipAllVolumes = !volume3d;
    this.nv.setClipPlane(volume3d ? CLIP_NOTHING : CLIP_ALL);
    this.nv.opts.renderOverlayBlend = volume3d ? 1 : 0;
    const made = madeFrom(this.nv, this.#state.hidden);
    if (made !== this.#made) this.nv.updateGLVolume();
    this.#held = false;
    const meshes = this.nv.meshes.map(({ id, visible, opacity }) => [id, visible, opacity]);
    const drawn = JSON.stringify([made, layout, volume3d, image.cal_min, image.cal_max, meshes]);
    if (drawn !== this.#drawn) this.nv.drawScene();
    this.#made = made;
    this.#drawn = drawn;
  }

  #applyWindow(image: NVImage): void {
    const [low, high] = this.#state.window ?? automaticWindow(image);
    image.cal_min = low;
    image.cal_max = high > low ? high : low + 1;
    this.events.onWindow(image.cal_min, image.cal_max, false);
  }

  /** Loads what a state needs and shows it; first of a case, with the crosshair where there is something to see. */
  async update(state: SceneState, first = false): Promise<void> {
    this.#state = state;
    const loaded = this.#loaded;
    if (!loaded) return;
    const problem = await loaded.load(state);
    if (first && loaded === this.#loaded) this.#placeCrosshair();
    if (loaded !== this.#loaded || state !== this.#state) return;
    this.#render(loaded);
    this.events.onStatus(problem);
  }

  /** Areas and heat through NiiVue, outlines through our overlay, surfaces as meshes. */
  #render(loaded: LoadedLayers): void {
    const { layers, sample, volume3d, crosshair, hidden } = this.#state;
    loaded.hide(hidden);
    const areas: [NVImage | null | undefined, LayerName][] = [
      [loaded.heat, "uncertainty"],
      [layers.disagreement.on ? loaded.difference() : null, "disagreement"],
      [loaded.label("reference")?.image, "reference"],
      [loaded.label("prediction")?.image, "prediction"],
      [loaded.label(`sample ${sample}`)?.image, "samples"],
    ];
    const shown = areas.flatMap(([area, name]) => {
      const { on, fill } = layers[name];
      if (!area || !on || fill === 0) return [];
      area.opacity = fill;
      return [area];
    });
    this.#surfaces.show(this.#surfaceStyles(loaded), loaded.classNames.length, hidden);
    this.#draw(this.image!, shown, volume3d || loaded.isEmpty);
    this.overlay.show(this.#outlines(loaded), crosshair);
    this.nv.createOnLocationChange();
  }

  #outlines(loaded: LoadedLayers): ContourStyle[] {
    const { layers, allSamples, sample, hidden } = this.#state;
    const styles: ContourStyle[] = [];
    const add = (name: LabelName, colour: Rgb, width: number, alpha = 1, dash?: number[]) => {
      const layer = loaded.label(name);
      if (!layer) return;
      const colourOf = (label: number) => css(labelColour(colour, label, loaded.classNames.length), alpha);
      const classes = layer.classes.filter((label) => !hidden.includes(label));
      styles.push({ volume: layer.volume, classes, colourOf, width, dash });
    };
    if (layers.samples.on && allSamples) {
      for (const i of loaded.urls.samples.keys()) add(`sample ${i}`, SAMPLE, 1, 0.4);
    }
    if (layers.reference.on) add("reference", REFERENCE, 2);
    if (layers.prediction.on) add("prediction", PREDICTION, 2, 1, layers.reference.on ? [6, 4] : undefined);
    if (layers.samples.on) add(`sample ${sample}`, SAMPLE, 2);
    return styles;
  }

  #surfaceStyles(loaded: LoadedLayers): SurfaceStyle[] {
    const { layers, sample } = this.#state;
    const styles: SurfaceStyle[] = [];
    const add = (name: LabelName, on: boolean, colour: Rgb, opacity: number) => {
      const layer = loaded.label(name);
      if (layer) styles.push({ layer, on, colour, opacity });
    };
    add("prediction", layers.prediction.on, PREDICTION, 1);
    for (const i of loaded.urls.samples.keys())
      add(`sample ${i}`, layers.samples.on && i === sample, SAMPLE, 1);
    const isAlone = styles.every(({ on }) => !on);
    const { on, fill } = layers.reference;
    add("reference", on, REFERENCE, isAlone ? 1 : CLEAREST + (1 - CLEAREST) * fill);
    return styles;
  }

  #tellLocation({ mm, vox }: { mm: number[]; vox: number[] }): void {
    const image = this.image;
    if (!image) return;
    const [x, y, z] = vox.map(Math.round) as [number, number, number];
    const named = (name: LabelName) => {
      const layer = this.#loaded?.label(name);
      return layer ? { [name]: this.#loaded?.classNames[layer.volume.at(x, y, z)] ?? "" } : {};
    };
    this.events.onLocation({
      mm: isPlaced(image) ? [mm[0]!, mm[1]!, mm[2]!] : null,
      voxel: new LabelVolume(image.img!, image).fileVoxelOf(x, y, z),
      intensity: image.getValue(x, y, z),
      uncertainty: this.#loaded?.heat?.getValue(x, y, z) ?? null,
      labels: { ...named("reference"), ...named("prediction") },
    });
  }

  /** A label map that is loaded, by its layer's name. */
  labelVolume(name: LabelName): LabelVolume | null {
    return this.#loaded?.label(name)?.volume ?? null;
  }

  /** Lets go of everything: NiiVue's listeners on the window would keep it all. */
  close(): void {
    this.#loading.abort();
    const letGo = () => {
      this.nv.cleanup();
      this.nv.drawClearAllUndoBitmaps();
      this.nv.drawBitmap = null;
      this.#surfaces.clear();
      this.#setVolumes(null, []);
      this.#loaded = null;
    };
    if (this.#begun) void this.#begun.then(letGo);
    this.nv._gl?.getExtension("WEBGL_lose_context")?.loseContext();
  }
}

/** All that NiiVue makes textures from: the window of the image is not part of it. */
function madeFrom({ volumes: [image, ...over], opts }: Niivue, hidden: readonly number[]): string {
  const settings = over.map(({ id, opacity, cal_min, cal_max }) => [id, opacity, cal_min, cal_max]);
  return JSON.stringify([image?.id, ...settings, over.length > 0 && [opts.renderOverlayBlend, hidden]]);
}

/** Soft tissue for CT; else the range without the outermost 2 %. */
const automaticWindow = (image: NVImage): readonly [number, number] =>
  isCtImage(image) ? SOFT_TISSUE : [image.robust_min!, image.robust_max!];
