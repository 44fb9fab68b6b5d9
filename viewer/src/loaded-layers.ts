import type { NVImage } from "@niivue/niivue";
import type { Layers } from "../../src/viewer/api.js";
import { PREDICTION, REFERENCE, type Rgb, SAMPLE } from "./colours.js";
import { asLabelMap, classColours, disagreement } from "./label-colours.js";
import { LabelVolume } from "./label-volume.js";
import { HEAT } from "./niivue-setup.js";
import type { SceneState } from "./scene-state.js";
import { loadVolume } from "./volume-loader.js";

export type LabelName = "reference" | "prediction" | `sample ${number}`;

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

  label(name: LabelName): LabelLayer | null {
    return this.#labels.get(name) ?? null;
  }

  /** Where prediction and reference differ; null until both are there. */
  difference(): NVImage | null {
    const [reference, prediction] = [this.label("reference"), this.label("prediction")];
    if (reference && prediction) this.#difference ??= disagreement(prediction.image, reference.image);
    return this.#difference;
  }

  /** Fetches what a state shows and is not there yet. */
  async load({ layers }: SceneState): Promise<void> {
    const { reference, prediction, disagreement: differs, uncertainty, samples } = layers;
    if (reference.on || differs.on) await this.#loadLabel("reference", this.urls.reference, REFERENCE);
    if (prediction.on || differs.on) await this.#loadLabel("prediction", this.urls.prediction, PREDICTION);
    if (uncertainty.on) await this.#loadHeat(this.urls.uncertainty);
    if (!samples.on) return;
    for (const [i, url] of this.urls.samples.entries()) await this.#loadLabel(`sample ${i}`, url, SAMPLE);
  }

  async #loadLabel(name: LabelName, url: string | null, colour: Rgb): Promise<void> {
    if (url === null || this.#labels.has(name)) return;
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

  async #loadHeat(url: string | null): Promise<void> {
    if (url === null || this.#heat) return;
    const heat = await loadVolume(fetch(url, { signal: this.signal }));
    heat.colormap = HEAT;
    heat.cal_min = 0;
    heat.cal_max = Math.log(Math.max(2, this.classNames.length));
    this.#heat = heat;
  }
}
