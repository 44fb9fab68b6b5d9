/** How far two masks cover each other, each in [0, 1]. */
export interface Overlap {
  /** 2|A∩B| / (|A| + |B|) */
  readonly dice: number;
  /** |A∩B| / |A∪B| */
  readonly jaccard: number;
}

/**
 * Dice and Jaccard of one class between two label maps of the same voxels (any shape). Both without the class: 1;
 * one without it: 0. Throws RangeError where the lengths differ.
 */
export function overlap(prediction: Uint8Array, reference: Uint8Array, classIndex: number): Overlap {
  return overlapWhere(prediction, reference, (label) => label === classIndex);
}

/** Dice of two binary masks, where anything but 0 is inside. */
export const dice = (prediction: Uint8Array, reference: Uint8Array): number =>
  overlapWhere(prediction, reference, (label) => label !== 0).dice;

/** Jaccard index of two binary masks, where anything but 0 is inside. */
export const jaccard = (prediction: Uint8Array, reference: Uint8Array): number =>
  overlapWhere(prediction, reference, (label) => label !== 0).jaccard;

function overlapWhere(
  prediction: Uint8Array,
  reference: Uint8Array,
  inside: (label: number) => boolean,
): Overlap {
  if (prediction.length !== reference.length) {
    throw new RangeError(
      `overlap: prediction has ${prediction.length} voxels, reference ${reference.length}`,
    );
  }
  const isInside = Uint8Array.from({ length: 256 }, (_, label) => Number(inside(label)));
  let predicted = 0;
  let actual = 0;
  let both = 0;
  for (let i = 0; i < prediction.length; i++) {
    const a = isInside[prediction[i]!]!;
    const b = isInside[reference[i]!]!;
    predicted += a;
    actual += b;
    both += a & b;
  }
  if (predicted + actual === 0) return { dice: 1, jaccard: 1 };
  return { dice: (2 * both) / (predicted + actual), jaccard: both / (predicted + actual - both) };
}
