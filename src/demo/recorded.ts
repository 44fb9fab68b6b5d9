/** Mean Dice on the test phantoms of one run of the demo that was made before, and how. */
export interface RecordedDemo {
  readonly seed: number;
  readonly supervised: number;
  readonly aua: number;
  readonly date: string;
  readonly command: string;
}

/** Measured, not computed by this run; made again whenever the demo's settings change. */
export const RECORDED: readonly RecordedDemo[] = [];
