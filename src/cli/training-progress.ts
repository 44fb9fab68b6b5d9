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

/** `signal` is aborted by the first interrupt, so that the run can save; the second one ends the process at once. */
export function stopOnSignal(say: (line: string) => void): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  const names = ["SIGINT", "SIGTERM"] as const;
  const release = () => {
    for (const name of names) process.removeListener(name, stop);
  };
  const stop = () => {
    release();
    say("stopping after this iteration, to save; once more to stop at once");
    controller.abort();
  };
  for (const name of names) process.on(name, stop);
  return { signal: controller.signal, release };
}
