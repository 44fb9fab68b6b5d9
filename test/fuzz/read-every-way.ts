import { inspect } from "#dist/volume/inspect.js";
import { readLabelMap, readVolume } from "#dist/volume/read.js";

/** Reads a file as an image, as a label map and as `penumbra inspect` does. @throws what is no `PenumbraError`; else a refusal, where all refuse it */
export async function readEveryWay(path: string): Promise<void> {
  const ways = [() => readVolume(path), () => readLabelMap(path), () => inspect(path)];
  const refusals: Error[] = [];
  for (const way of ways) await way().catch((cause: Error) => refusals.push(cause));
  const wrong = refusals.find(({ name }) => name !== "PenumbraError");
  if (wrong) throw wrong;
  if (refusals.length === ways.length) throw refusals[0];
}
