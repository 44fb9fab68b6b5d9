export type Rgb = readonly [number, number, number];

/** Okabe and Ito's colours, told apart with every kind of colour vision ("Color Universal Design", 2008). */
export const REFERENCE: Rgb = [86, 180, 233];
export const PREDICTION: Rgb = [230, 159, 0];
export const SAMPLE: Rgb = [240, 228, 66];
export const MISSED: Rgb = [204, 121, 167];
export const EXTRA: Rgb = [0, 158, 115];
export const DRAWN: Rgb = [240, 228, 66];

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

/** Shades of one colour for the classes of a label map; class 1 is the colour itself. */
export function shade(colour: Rgb, classNumber: number, classes: number): Rgb {
  if (classes <= 2 || classNumber <= 1) return colour;
  const t = (classNumber - 1) / (classes - 1);
  const towards = classNumber % 2 === 0 ? 255 : 30;
  const mixed = colour.map((value) => Math.round(value + (towards - value) * (0.25 + 0.45 * t)));
  return mixed as unknown as Rgb;
}
