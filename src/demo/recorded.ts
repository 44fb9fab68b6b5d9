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
  {
    seed: 0,
    supervised: 0.6653,
    aua: 0.8338,
    date: "2026-11-26",
    command: 'runDemo({ seed: 0, set: ["threads=1"] })',
  },
  {
    seed: 1,
    supervised: 0.7435,
    aua: 0.7829,
    date: "2026-11-26",
    command: 'runDemo({ seed: 1, set: ["threads=1"] })',
  },
];
