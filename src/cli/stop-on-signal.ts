/** `signal` is aborted by the first interrupt, so that work ends whole, as `line` tells the person; the second one ends the process at once. */
export function stopOnSignal(
  line: string,
  say: (text: string) => void,
): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  const names = ["SIGINT", "SIGTERM"] as const;
  const release = () => {
    for (const name of names) process.removeListener(name, stop);
  };
  const stop = () => {
    release();
    say(`${line}; once more to stop at once`);
    controller.abort();
  };
  for (const name of names) process.on(name, stop);
  return { signal: controller.signal, release };
}

/** Of what trains. */
export const AFTER_ITERATION = "stopping after this iteration, to save";
