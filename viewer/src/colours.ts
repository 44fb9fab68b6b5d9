export type Rgb = readonly [number, number, number];

/** Okabe and Ito's colours, told apart with every kind of colour vision ("Color Universal Design", 2008). */
export const REFERENCE: Rgb = [86, 180, 233];
export const PREDICTION: Rgb = [230, 159, 0];
export const SAMPLE: Rgb = [240, 228, 66];
export const MISSED: Rgb = [204, 121, 167];
export const EXTRA: Rgb = [0, 158, 115];
export const DRAWN: Rgb = [255, 255, 130];

/** Lines and dots of several runs or classes: readable on light and on dark paper, told apart by dashes too. */
const SERIES = {
  light: ["#0072b2", "#d55e00", "#00795a", "#a8497f", "#8a6a00", "#4a5568", "#1f1f1f"],
  dark: ["#56b4e9", "#f0833a", "#2fc79c", "#e09ac2", "#e6b422", "#b6bfcc", "#f2f2f2"],
} as const;
export const DASHES: readonly (readonly number[])[] = [
  [],
  [7, 3],
  [2, 3],
  [9, 3, 2, 3],
  [12, 4],
  [4, 2],
  [1, 2],
];
export const seriesColour = (index: number, dark: boolean): string =>
  SERIES[dark ? "dark" : "light"][index % SERIES.light.length]!;

export const css = ([r, g, b]: Rgb, alpha = 1): string => `rgb(${r} ${g} ${b} / ${alpha})`;

/** Hues of classes: those of Okabe and Ito, then paler, then deeper ones. */
const HUES: readonly Rgb[] = [
  [86, 180, 233],
  [230, 159, 0],
  [0, 158, 115],
  [240, 228, 66],
  [204, 121, 167],
  [213, 94, 0],
  [40, 120, 200],
];
const towards = (colour: Rgb, end: number, part: number): Rgb =>
  colour.map((value) => Math.round(value + (end - value) * part)) as unknown as Rgb;
const ROUNDS: readonly ((hue: Rgb) => Rgb)[] = [
  (hue) => hue,
  (hue) => towards(hue, 255, 0.55),
  (hue) => towards(hue, 0, 0.4),
];

/** Colour of a class in a layer: the layer's own where there is one class, else the class's in all layers, paler in samples. */
export function labelColour(layer: Rgb, label: number, classes: number): Rgb {
  if (classes <= 2) return layer;
  const index = Math.max(0, label - 1);
  const round = ROUNDS[Math.floor(index / HUES.length) % ROUNDS.length]!;
  const colour = round(HUES[index % HUES.length]!);
  return layer === SAMPLE ? towards(colour, 255, 0.45) : colour;
}
