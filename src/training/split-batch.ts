import { cat } from "../engine/make-tensor.js";
import type { PatchBatch } from "../methods/method.js";

/**
 * A batch in parts of equal size, each with its share of the labeled and of the unlabeled patches.
 * @throws Error where either do not divide by `parts`; `planMemory` sees to it
 */
export function splitBatch(batch: PatchBatch, parts: number): PatchBatch[] {
  if (parts === 1) return [batch];
  const count = batch.images.shape[0]!;
  const { labeled } = batch;
  const unlabeled = count - labeled;
  if (labeled % parts !== 0 || unlabeled % parts !== 0)
    throw new Error(`${labeled} labeled and ${unlabeled} unlabeled patches do not split into ${parts} parts`);
  const [ours, theirs] = [labeled / parts, unlabeled / parts];
  return Array.from({ length: parts }, (_, i) => {
    const rows = (x: PatchBatch["images"]) => {
      const share = [x.slice(0, i * ours, (i + 1) * ours)];
      if (theirs > 0) share.push(x.slice(0, labeled + i * theirs, labeled + (i + 1) * theirs));
      return cat(share, 0);
    };
    return {
      images: rows(batch.images),
      region: rows(batch.region),
      labeled: ours,
      labels: batch.labels.slice(0, i * ours, (i + 1) * ours),
      hostLabels: batch.hostLabels.slice(i * ours, (i + 1) * ours),
    };
  });
}
