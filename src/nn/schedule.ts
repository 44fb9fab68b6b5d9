/** initial · factor^floor(iteration / every) */
export const stepDecay = (initial: number, iteration: number, every: number, factor: number): number =>
  initial * factor ** Math.floor(iteration / every);

/**
 * exp(-5(1-t)²), t = iteration/length clipped to [0, 1]. Source: arXiv 1610.02242. At t = 0.5: 0.2865. It rises with every
 * iteration; the published codes of UA-MT, AUA and MC-Net raise it every 150.
 */
export function sigmoidRampUp(iteration: number, length: number): number {
  if (length === 0) return 1;
  const t = Math.min(Math.max(iteration / length, 0), 1);
  return Math.exp(-5 * (1 - t) ** 2);
}

/** Decay of the teacher's moving average: min(1 - 1/(iteration+1), decay); early on a true average. */
export const teacherDecay = (iteration: number, decay: number): number =>
  Math.min(1 - 1 / (iteration + 1), decay);
