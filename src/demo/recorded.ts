/** Mean Dice on the test phantoms of one run of the demo that was made before, and how. */
export interface RecordedDemo {
  readonly seed: number;
  readonly supervised: number;
  readonly aua: number;
  readonly date: string;
  readonly command: string;
}

/** Measured, not computed by this run; made again whenever the demo's settings change. */
export const RECORDED: readonly RecordedDemo[] = [
  { seed: 0, supervised: 0.879, aua: 0.8953, date: "2026-11-24", command: "penumbra demo --seed 0" },
  { seed: 1, supervised: 0.8506, aua: 0.8674, date: "2026-11-24", command: "penumbra demo --seed 1" },
];
