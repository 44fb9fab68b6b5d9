import type { VNet } from "#dist/models/vnet.js";

const LEVELS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

/** The level (0: full resolution) at which a convolution of V-Net is applied to every voxel; heads are at 0. */
function levelOf(name: string): number {
  const block = /^block_(\w+?)(_dw|_up)?\./.exec(name);
  if (!block) return 0;
  const place = LEVELS.indexOf(block[1]!);
  const level = place <= 4 ? place : 8 - place;
  // a strided convolution is applied once per voxel of its output, a transposed one once per voxel of its input
  return block[2] === "_dw" ? level + 1 : level;
}

/**
 * Floating-point operations (a multiplication and an addition are two) of the convolutions in one forward pass over a
 * patch of so many voxels. A backward pass takes twice as many.
 */
export function forwardFlops(network: VNet, voxels: number): number {
  let flops = 0;
  for (const [name, weight] of network.parameters()) {
    if (weight.shape.length === 5) flops += (2 * weight.numel() * voxels) / 8 ** levelOf(name);
  }
  return flops;
}
