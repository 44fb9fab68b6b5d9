import { badInput } from "../errors.js";
import { sha256 } from "../files/checksum.js";
import { type HostTensor, readSafetensors, writeSafetensors } from "./safetensors.js";

type HostState = ReadonlyMap<string, HostTensor>;

/** Of all names and values, in the order of the names. */
function checksumOf(tensors: HostState): string {
  const ordered = [...tensors].sort(([a], [b]) => (a < b ? -1 : 1));
  return sha256(
    ordered.flatMap(([name, { data }]) => [
      new TextEncoder().encode(name),
      new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    ]),
  );
}

function allFinite(data: Float32Array): boolean {
  let zero = 0;
  for (let i = 0; i < data.length; i++) zero += data[i]! * 0; // NaN as soon as one is not finite
  return zero === 0;
}

/** The first tensor with a number that is not finite; undefined where there is none. */
export const firstNotFinite = (tensors: HostState): string | undefined =>
  [...tensors].find(([, { data }]) => data instanceof Float32Array && !allFinite(data))?.[0];

/** Writes a finished network, whole or not at all, with a checksum that tells damage from then on. */
export const writeModelFile = (path: string, tensors: HostState): void =>
  writeSafetensors(path, tensors, { format: "pt", sha256: checksumOf(tensors) });

/** Whether a file is the model or a checkpoint of a run, by what those say of themselves: others may have keys of these names. */
export const isOfRun = (metadata: Readonly<Record<string, string>>, tensors: HostState): boolean =>
  metadata.checkpoint?.includes('"position":{') === true ||
  (metadata.sha256 !== undefined && metadata.sha256 === checksumOf(tensors));

/**
 * Reads a finished network. Files of earlier versions have no checksum.
 * @throws PenumbraError "bad-input" where it is damaged: cut off, other values than were written, numbers that are not finite.
 */
export function readModelFile(path: string): HostState {
  const { metadata, tensors } = readSafetensors(path);
  if (metadata.sha256 !== undefined && metadata.sha256 !== checksumOf(tensors))
    throw damaged(path, "its checksum does not match");
  const name = firstNotFinite(tensors);
  if (name !== undefined) throw damaged(path, `"${name}" has values that are not finite`);
  return tensors;
}

const damaged = (path: string, how: string) =>
  badInput(`${path} is damaged: ${how}; copy it again from where it was trained, or train again`);
