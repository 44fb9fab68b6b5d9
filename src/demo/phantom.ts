import { type Random, seeded } from "../data/random.js";
import { type Triple, voxelCount } from "../volume/volume.js";
import { uniform } from "./draws.js";
import { type HeartDistances, heartDistances, randomHeart } from "./heart.js";
import { addRicianNoise_, applyBias_, blur } from "./scanner.js";
import { coverage } from "./shapes.js";

/** A made-up scan of a heart and its left atrium, both [D, H, W]. */
export interface Phantom {
  /** Magnitudes in arbitrary units, never negative. */
  readonly image: Float32Array;
  /** 1 in the left atrium. */
  readonly label: Uint8Array;
}

/** How bright each material of a case is, and how well it was scanned. */
interface Look {
  readonly lung: number;
  readonly tissue: number;
  readonly atrium: number;
  readonly ventricle: number;
  readonly aorta: number;
  /** Darkening where atrium and ventricle meet. */
  readonly valve: number;
  readonly bias: readonly number[];
  readonly blurVoxels: number;
  readonly noise: number;
  readonly gain: number;
}

/** How noisy a scanner's images are: deviation of the noise beside blood of 0.65 to 0.9, drawn for each scan. */
export interface Scanner {
  readonly noise: readonly [low: number, high: number];
}

/** The demo's two: labels exist for good scans, everyday ones are noisier. */
export const SCANNERS = {
  research: { noise: [0.01, 0.03] },
  everyday: { noise: [0.24, 0.36] },
} as const satisfies Record<string, Scanner>;

/** In a volume of this size heart units are voxels; others are scaled to it. */
const NATIVE: Triple = [32, 48, 48];

function randomLook(random: Random, { noise }: Scanner): Look {
  const blood = uniform(random, 0.65, 0.9);
  return {
    lung: uniform(random, 0.05, 0.15),
    tissue: uniform(random, 0.32, 0.46),
    atrium: blood,
    ventricle: blood * uniform(random, 0.85, 1.1),
    aorta: blood * uniform(random, 0.85, 1.15),
    valve: uniform(random, 0.05, 0.3),
    bias: Array.from({ length: 4 }, () => uniform(random, -0.25, 0.25)),
    blurVoxels: uniform(random, 0.5, 0.9),
    noise: uniform(random, ...noise),
    gain: uniform(random, 300, 900),
  };
}

/** What the atrium shares a wall with stops it where the other is nearer. */
const isAtrium = ({ atrium, ventricle }: HeartDistances) => atrium < 0 && atrium < ventricle;

/** Materials laid over one another, each as far as it covers the voxel; distances in voxels. */
function brightness(at: HeartDistances, look: Look): number {
  const over = (below: number, value: number, distance: number) =>
    below + (value - below) * coverage(distance);
  let value = over(look.lung, look.tissue, at.tissue);
  value = over(value, look.ventricle, at.ventricle);
  value = over(value, look.aorta, at.aorta);
  value = over(value, look.atrium, Math.min(at.veins, Math.max(at.atrium, at.atrium - at.ventricle)));
  const isBlood = Math.max(coverage(at.atrium), coverage(at.ventricle));
  return value * (1 - look.valve * isBlood * coverage(Math.abs(at.atrium - at.ventricle) / 2 - 1));
}

/**
 * Case `index` of the phantoms of `seed`: a left atrium with lobes and vein mouths (the label), beside it a ventricle
 * and vessels of nearly the same brightness, seen with partial volume, a coil's bias, blur and Rician noise. Shape,
 * pose, brightness and noise differ between cases; the same arguments always give the same arrays.
 */
export function makePhantom(
  seed: number,
  index: number,
  shape: Triple,
  scanner: Scanner = SCANNERS.research,
): Phantom {
  const random = seeded(seed, index);
  const heart = randomHeart(random);
  const look = randomLook(random, scanner);
  const unit = Math.min(...shape.map((n, axis) => n / NATIVE[axis]!));
  const image = new Float32Array(voxelCount(shape));
  const label = new Uint8Array(image.length);
  const [d, h, w] = shape;
  const centred = (i: number, n: number) => (i - (n - 1) / 2) / unit;
  for (let k = 0, voxel = 0; k < d; k++) {
    for (let j = 0; j < h; j++) {
      for (let i = 0; i < w; i++, voxel++) {
        const distances = heartDistances(heart, [centred(i, w), centred(j, h), centred(k, d)]);
        label[voxel] = isAtrium(distances) ? 1 : 0;
        image[voxel] = brightness(inVoxels(distances, unit), look);
      }
    }
  }
  applyBias_(image, shape, look.bias);
  const blurred = blur(image, shape, look.blurVoxels);
  addRicianNoise_(blurred, look.noise, random);
  return { image: blurred.map((value) => value * look.gain), label };
}

const inVoxels = (at: HeartDistances, unit: number): HeartDistances => ({
  atrium: at.atrium * unit,
  veins: at.veins * unit,
  ventricle: at.ventricle * unit,
  aorta: at.aorta * unit,
  tissue: at.tissue * unit,
});
