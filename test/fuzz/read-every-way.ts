import { inspect } from "#dist/volume/inspect.js";
import { readLabelMap, readVolume } from "#dist/volume/read.js";
import type { Grid } from "#dist/volume/volume.js";

/** Reads a file as an image, as a label map and as `penumbra inspect` does. @throws what is no `PenumbraError` first, else the first refusal */
export async function readEveryWay(path: string, onto: Grid | null = null): Promise<void> {
  const ways = [() => readVolume(path), () => readLabelMap(path, onto), () => inspect(path)];
  const refusals: Error[] = [];
  for (const way of ways) await way().catch((cause: Error) => refusals.push(cause));
  const first = refusals.find(({ name }) => name !== "PenumbraError") ?? refusals[0];
  if (first) throw first;
}
