import type { IterationReport } from "../training/iteration.js";

/** A progress display that asks, at the first iteration, how often a line is wanted where there is no terminal. */
export async function progressOf(everyIterations: () => number) {
  const { Progress } = await import("../training/progress.js");
  const before = new Progress({ stream: process.stderr, everyIterations: 1 });
  let shown = before;
  return {
    note: (line: string) => shown.note(line),
    end: () => shown.end(),
    update(report: IterationReport) {
      if (shown === before)
        shown = new Progress({ stream: process.stderr, everyIterations: everyIterations() });
      shown.update(report);
    },
  };
}
