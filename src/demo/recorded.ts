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
    supervised: 0.8223,
    aua: 0.8634,
    date: "2026-11-24",
    command: 'runDemo({ seed: 0, set: ["threads=1"] })',
  },
  {
    seed: 1,
    supervised: 0.7869,
    aua: 0.8405,
    date: "2026-11-24",
    command: 'runDemo({ seed: 1, set: ["threads=1"] })',
  },
];
