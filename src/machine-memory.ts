import { freemem, totalmem } from "node:os";

/** What a container or a job may take at most, in bytes; where nothing limits it, more than any machine has. */
function limit(): number {
  const constrained = process.constrainedMemory?.() ?? 0; // 0 where it is not known
  return constrained > 0 ? constrained : Number.POSITIVE_INFINITY;
}

/** Memory that may be taken now, in bytes: what is free, within the limit of a container. */
export const freeMemory = (): number => Math.min(freemem(), limit());

/** Memory of the machine or, where that is less, of the container, in bytes. */
export const totalMemory = (): number => Math.min(totalmem(), limit());
