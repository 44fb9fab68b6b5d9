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
  { seed: 0, supervised: 0.922, aua: 0.9231, date: "2026-11-24", command: "penumbra demo --seed 0" },
  { seed: 1, supervised: 0.8323, aua: 0.8748, date: "2026-11-24", command: "penumbra demo --seed 1" },
];
