import type { NVImage } from "@niivue/niivue";
import { EXTRA, labelColour, MISSED, type Rgb } from "./colours.js";

const NIFTI_INTENT_LABEL = 1002;

/** Makes NiiVue show a volume as a label map in these colours, class 0 not at all. */
export function asLabelMap(
  image: NVImage,
  colours: readonly Rgb[],
  names: readonly string[],
  hidden: readonly number[] = [],
): NVImage {
  image.hdr!.intent_code = NIFTI_INTENT_LABEL;
  image.setColormapLabel({
    R: [0, ...colours.map(([r]) => r)],
    G: [0, ...colours.map(([, g]) => g)],
    B: [0, ...colours.map(([, , b]) => b)],
    A: [0, ...colours.map((_, i) => (hidden.includes(i + 1) ? 0 : 255))],
    I: [0, ...colours.map((_, i) => i + 1)],
    labels: ["", ...names],
  });
  return image;
}

/** A colour for each foreground class. */
export const classColours = (colour: Rgb, classes: number): Rgb[] =>
  Array.from({ length: classes - 1 }, (_, i) => labelColour(colour, i + 1, classes));

/** Where prediction and reference differ: 1 missed (another class than the reference's), 2 extra (background there). */
export function disagreement(prediction: NVImage, reference: NVImage): NVImage {
  const [p, r] = [prediction.img!, reference.img!];
  const differs = new Uint8Array(p.length);
  for (let i = 0; i < p.length; i++) {
    if (p[i] !== r[i]) differs[i] = r[i] === 0 ? 2 : 1;
  }
  const made = prediction.clone();
  made.img = differs;
  made.hdr!.datatypeCode = 2;
  made.hdr!.numBitsPerVoxel = 8;
  return asLabelMap(made, [MISSED, EXTRA], ["missed", "extra"]);
}
