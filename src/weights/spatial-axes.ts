import type { HostTensor } from "../training/safetensors.js";

/** Order of a kernel's last three axes: the literature's (x, y, z), or ours, [D, H, W] = (z, y, x). */
export type SpatialAxes = "xyz" | "zyx";

/** A kernel [O, I, a, b, c] as [O, I, c, b, a]; tensors without spatial axes stay as they are. */
export function reverseSpatialAxes(tensor: HostTensor): HostTensor {
  const { shape, data } = tensor;
  if (shape.length !== 5) return tensor;
  const [outer, inner, a, b, c] = shape as [number, number, number, number, number];
  const reversed = data.slice();
  let i = 0;
  for (let kernel = 0; kernel < outer * inner; kernel++) {
    const start = kernel * a * b * c;
    for (let z = 0; z < c; z++)
      for (let y = 0; y < b; y++)
        for (let x = 0; x < a; x++) reversed[i++] = data[start + (x * b + y) * c + z]!;
  }
  return { ...tensor, shape: [outer, inner, c, b, a], data: reversed };
}
