import type { NVImage } from "@niivue/niivue";
import type { Layers } from "../../src/viewer/api.js";
import { DRAWN, PREDICTION, REFERENCE, type Rgb, SAMPLE } from "./colours.js";
import { asLabelMap, classColours, disagreement } from "./label-colours.js";
import { LabelVolume } from "./label-volume.js";
import { HEAT } from "./niivue-setup.js";
import type { SceneState } from "./scene-state.js";
import { loadVolume } from "./volume-loader.js";

const COLOURS = { reference: REFERENCE, prediction: PREDICTION, correction: DRAWN };
export type SingleLabel = keyof typeof COLOURS;
export type LabelName = SingleLabel | `sample ${number}`;

const isSingle = (name: LabelName): name is SingleLabel => name in COLOURS;
const urlIn = (layers: Layers, name: LabelName): string | null =>
  isSingle(name) ? layers[name] : (layers.samples[Number(name.slice("sample ".length))] ?? null);

/** A label map of the case: for NiiVue, and by patient axes. */
export interface LabelLayer {
  readonly image: NVImage;
  readonly volume: LabelVolume;
  readonly classes: readonly number[];
  readonly colour: Rgb;
}

/** What lies over the image of one case, fetched when it is first switched on and kept while the case is open. */
export class LoadedLayers {
  readonly #labels = new Map<LabelName, LabelLayer>();
  /** Begun, by name: nothing is fetched twice. */
  readonly #coming = new Map<string, Promise<void>>();
  #hidden: readonly number[] = [];
  #heat: NVImage | null = null;
  #difference: NVImage | null = null;

  constructor(
    readonly urls: Layers,
    readonly classNames: readonly string[],
    readonly signal: AbortSignal,
  ) {}

  get heat(): NVImage | null {
    return this.#heat;
  }
  get isEmpty(): boolean {
    return this.#labels.size === 0;
  }

  /** The same case with other addresses: what lies where it lay is not fetched again. */
  with(urls: Layers): LoadedLayers {
    const next = new LoadedLayers(urls, this.classNames, this.signal);
    for (const [name, layer] of this.#labels) {
      if (urlIn(urls, name) !== urlIn(this.urls, name)) continue;
      next.#labels.set(name, layer);
      next.#coming.set(name, Promise.resolve());
    }
    next.#hidden = this.#hidden;
    if (urls.uncertainty === this.urls.uncertainty) next.#heat = this.#heat;
    return next;
  }

  /** A label map of the case, shown or not; null where there is none. */
  async need(name: SingleLabel): Promise<LabelVolume | null> {
    await this.#loadLabel(name, COLOURS[name]);
    return this.label(name)?.volume ?? null;
  }

  label(name: LabelName): LabelLayer | null {
    return this.#labels.get(name) ?? null;
  }

  /** Where prediction and reference differ; null until both are there. */
  difference(): NVImage | null {
    const [reference, prediction] = [this.label("reference"), this.label("prediction")];
    if (reference && prediction) this.#difference ??= disagreement(prediction.image, reference.image);
    return this.#difference;
  }

  /** Fetches what a state shows and is not there yet, all that can be had. Returns what went wrong first, or null. */
  async load({ layers }: SceneState): Promise<string | null> {
    const { reference, prediction, disagreement: differs, uncertainty, samples } = layers;
    const wanted: (() => Promise<void>)[] = [];
    if (reference.on || differs.on) wanted.push(() => this.#loadLabel("reference", COLOURS.reference));
    if (prediction.on || differs.on) wanted.push(() => this.#loadLabel("prediction", COLOURS.prediction));
    if (uncertainty.on) wanted.push(() => this.#loadHeat(this.urls.uncertainty));
    if (samples.on)
      for (const i of this.urls.samples.keys()) wanted.push(() => this.#loadLabel(`sample ${i}`, SAMPLE));
    const failed: string[] = [];
    for (const fetchIt of wanted) await fetchIt().catch((error: Error) => failed.push(error.message));
    return failed[0] ?? null;
  }

  #loadLabel(name: LabelName, colour: Rgb): Promise<void> {
    const url = urlIn(this.urls, name);
    return url === null ? Promise.resolve() : this.#once(name, () => this.#fetchLabel(name, url, colour));
  }

  /** What is under way is waited for; what failed may be tried again. */
  #once(name: string, fetched: () => Promise<void>): Promise<void> {
    const begun = this.#coming.get(name);
    if (begun) return begun;
    const coming = fetched().catch((error) => {
      this.#coming.delete(name);
      throw error;
    });
    this.#coming.set(name, coming);
    return coming;
  }

  async #fetchLabel(name: LabelName, url: string, colour: Rgb): Promise<void> {
    const image = await loadVolume(fetch(url, { signal: this.signal }));
    const volume = new LabelVolume(image.img!, image);
    const layer = { image, volume, classes: volume.classes(), colour };
    this.#colour(layer);
    this.#labels.set(name, layer);
  }

  /** Which classes areas leave out. */
  hide(hidden: readonly number[]): void {
    if (hidden.join() === this.#hidden.join()) return;
    this.#hidden = hidden;
    for (const layer of this.#labels.values()) this.#colour(layer);
  }

  #colour({ image, colour }: LabelLayer): void {
    const { classNames } = this;
    asLabelMap(image, classColours(colour, classNames.length), classNames.slice(1), this.#hidden);
  }

  #loadHeat(url: string | null): Promise<void> {
    return url === null || this.#heat ? Promise.resolve() : this.#once("heat", () => this.#fetchHeat(url));
  }

  async #fetchHeat(url: string): Promise<void> {
    const heat = await loadVolume(fetch(url, { signal: this.signal }));
    heat.colormap = HEAT;
    heat.cal_min = 0;
    heat.cal_max = Math.log(Math.max(2, this.classNames.length));
    this.#heat = heat;
  }
}
