type Shape = readonly [number, number, number];

/** Offsets of a voxel's 26 neighbours along D, H, W. */
const NEIGHBOURS: readonly Shape[] = [-1, 0, 1].flatMap((d) =>
  [-1, 0, 1].flatMap((h) =>
    [-1, 0, 1].flatMap((w): Shape[] => (d === 0 && h === 0 && w === 0 ? [] : [[d, h, w]])),
  ),
);

/**
 * A label map in which each class but the background, 0, keeps only its largest component (26 neighbours; the first
 * found of equally large ones) and is background elsewhere. labels [D,H,W] -> [D,H,W]
 */
export function largestComponents(labels: Uint8Array, shape: Shape): Uint8Array {
  const component = new Int32Array(labels.length); // 0: not seen yet
  const largest = new Map<number, { id: number; size: number }>();
  for (let i = 0, id = 0; i < labels.length; i++) {
    if (labels[i] === 0 || component[i] !== 0) continue;
    const size = fill(labels, component, shape, i, ++id);
    if (size > (largest.get(labels[i]!)?.size ?? 0)) largest.set(labels[i]!, { id, size });
  }
  return labels.map((label, i) => (label !== 0 && component[i] === largest.get(label)!.id ? label : 0));
}

/** Marks the component of voxel `start` with `id` and counts its voxels. */
function fill(
  labels: Uint8Array,
  component: Int32Array,
  [depth, height, width]: Shape,
  start: number,
  id: number,
): number {
  const label = labels[start];
  const waiting = [start];
  component[start] = id;
  let size = 0;
  while (waiting.length > 0) {
    const at = waiting.pop()!;
    size++;
    const w = at % width;
    const h = Math.floor(at / width) % height;
    const d = Math.floor(at / (width * height));
    for (const [dd, dh, dw] of NEIGHBOURS) {
      const [z, y, x] = [d + dd, h + dh, w + dw];
      if (z < 0 || y < 0 || x < 0 || z >= depth || y >= height || x >= width) continue;
      const next = (z * height + y) * width + x;
      if (labels[next] !== label || component[next] !== 0) continue;
      component[next] = id;
      waiting.push(next);
    }
  }
  return size;
}
