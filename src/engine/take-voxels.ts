import { fromArray } from "./make-tensor.js";
import { call, type Tensor } from "./tensor.js";

/**
 * The vectors of chosen voxels, read where they are. x [B,K,...], voxels [N] int64, numbered through the whole batch
 * (image times voxels an image, plus voxel) -> [K,N] of x's type. One call for all that is wanted of x: each sends
 * back a gradient as large as x.
 */
export function takeVoxels(x: Tensor, voxels: Tensor): Tensor {
  const [b, k] = x.shape as [number, number];
  const volume = x.numel() / (b * k);
  const image = call("div", "Scalar_mode", voxels, volume, "floor");
  const channels = BigInt64Array.from({ length: k }, (_, channel) => BigInt(channel * volume));
  const first = voxels.add(image, (k - 1) * volume); // places in channel 0
  return call("take", "", x, fromArray(channels, [k, 1]).toDevice(x.device).add(first.unsqueeze(0)));
}
