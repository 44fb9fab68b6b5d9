export type Rgb = readonly [number, number, number];

/** Okabe and Ito's colours, told apart with every kind of colour vision ("Color Universal Design", 2008). */
export const REFERENCE_COLOUR: Rgb = [86, 180, 233];
export const PREDICTION_COLOUR: Rgb = [230, 159, 0];

/** Matplotlib's inferno at 0, 0.125, ... 1: lightness rises evenly, so it also reads in grey. */
const HEAT: readonly Rgb[] = [
  [0, 0, 4],
  [31, 12, 72],
  [85, 15, 109],
  [136, 34, 106],
  [186, 54, 85],
  [227, 89, 51],
  [249, 140, 10],
  [249, 201, 50],
  [252, 255, 164],
];

/** Heat of a value in [0, 1]; beyond is clipped. */
export function heat(value: number): Rgb {
  const position = Math.min(1, Math.max(0, value)) * (HEAT.length - 1);
  const below = Math.min(HEAT.length - 2, Math.floor(position));
  return mix(HEAT[below]!, HEAT[below + 1]!, position - below);
}

/** How much of the heat covers the picture: nothing at 0, so that certain tissue stays plain. */
export const heatOpacity = (value: number): number => 0.85 * Math.min(1, Math.max(0, value) * 2.5);

/** (1 - t)·a + t·b */
export const mix = (a: Rgb, b: Rgb, t: number): Rgb => [
  Math.round(a[0] + (b[0] - a[0]) * t),
  Math.round(a[1] + (b[1] - a[1]) * t),
  Math.round(a[2] + (b[2] - a[2]) * t),
];

export const toCss = ([r, g, b]: Rgb): string => `rgb(${r} ${g} ${b})`;

/** The heat scale from 0 to 1 as it looks over mid-grey tissue, for a legend. */
export const heatGradient = (): string => {
  const stops = HEAT.map((_, i) => {
    const value = i / (HEAT.length - 1);
    return toCss(mix([96, 96, 96], heat(value), heatOpacity(value)));
  });
  return `linear-gradient(to right, ${stops.join(", ")})`;
};
