import type { Random } from "../data/random.js";
import { uniform } from "./draws.js";
import {
  applyMatrix,
  type Distance,
  ellipsoidDistance,
  type Point,
  rotation,
  smoothUnion,
  type Tube,
  tubeDistance,
} from "./shapes.js";

/** Signed distances at one point, in units of the heart (below 0 inside). */
export interface HeartDistances {
  /** What is labeled: the atrium's body and the mouths of its veins. */
  readonly atrium: Distance;
  /** All of the veins, also beyond where the label stops: the same blood. */
  readonly veins: Distance;
  readonly ventricle: Distance;
  readonly aorta: Distance;
  /** The muscle and fat around; lung beyond. */
  readonly tissue: Distance;
}

interface Lobe {
  readonly centre: Point;
  readonly radii: Point;
}

interface Vein extends Tube {
  /** Part of the way out that still counts as atrium. */
  readonly labeledPart: number;
}

/** A sine of one coordinate that shifts another. */
interface Wave {
  readonly amplitude: number;
  readonly frequency: number;
  readonly phase: number;
}

/** One made-up heart, about 45 units across; its left atrium is around 0, the ventricle below (z < 0). */
export interface Heart {
  readonly pose: readonly number[];
  readonly shift: Point;
  readonly scale: number;
  /** Shift of each coordinate by the next two. */
  readonly waves: readonly Wave[];
  readonly lobes: readonly Lobe[];
  readonly veins: readonly Vein[];
  readonly ventricle: Lobe;
  readonly vessels: readonly Tube[];
  readonly tissue: Lobe;
}

const FILLET = 3;
const DEGREE = Math.PI / 180;

function randomLobe(random: Random, centre: Point, radii: Point, spread: number): Lobe {
  const moved = centre.map((x) => x + uniform(random, -1.5, 1.5)) as unknown as Point;
  const sized = radii.map((r) => r * uniform(random, 1 - spread, 1 + spread)) as unknown as Point;
  return { centre: moved, radii: sized };
}

function randomVein(random: Random, side: number, upper: boolean): Vein {
  const from: Point = [side * uniform(random, 5, 8), uniform(random, 2, 5), upper ? 6 : 0];
  const length = uniform(random, 12, 18);
  const [across, back] = [uniform(random, 0.6, 1), uniform(random, 0.2, 0.7)];
  const rise = uniform(random, 0.1, 0.5) * (upper ? 1 : -1);
  const norm = Math.hypot(across, back, rise);
  const to: Point = [
    from[0] + (side * across * length) / norm,
    from[1] + (back * length) / norm,
    from[2] + (rise * length) / norm,
  ];
  return { from, to, radius: uniform(random, 1.8, 3.2), labeledPart: uniform(random, 0.35, 0.5) };
}

/** Draws a heart: size, pose, lobes, veins and neighbours all vary. */
export function randomHeart(random: Random): Heart {
  const angle = (degrees: number) => uniform(random, -degrees, degrees) * DEGREE;
  const wave = (): Wave => ({
    amplitude: uniform(random, 0.4, 1.4),
    frequency: (2 * Math.PI) / uniform(random, 18, 40),
    phase: uniform(random, 0, 2 * Math.PI),
  });
  const vessel = (x: number, y: number, radius: number): Tube => ({
    from: [x + uniform(random, -2, 2), y, -6],
    to: [x + uniform(random, -4, 4), y + uniform(random, -3, 2), 30],
    radius: radius * uniform(random, 0.8, 1.2),
  });
  return {
    pose: rotation(angle(20), angle(20), angle(35)),
    shift: [uniform(random, -4, 4), uniform(random, -4, 4), uniform(random, -3, 3)],
    scale: uniform(random, 0.8, 1.15),
    waves: Array.from({ length: 6 }, wave),
    lobes: [
      randomLobe(random, [0, 0, 3], [11, 8.5, 8.5], 0.18),
      randomLobe(random, [8, -5, 4], [5, 4, 5], 0.25),
      randomLobe(random, [-4, 3, 5], [8, 6.5, 7], 0.2),
    ],
    veins: [-1, 1].flatMap((side) => [true, false].map((upper) => randomVein(random, side, upper))),
    ventricle: randomLobe(random, [3, -4, -13], [11, 10, 10], 0.15),
    vessels: [vessel(2, -13, 4.5), vessel(-7, 15, 4)],
    tissue: randomLobe(random, [0, -2, -2], [25, 22, 22], 0.08),
  };
}

/** From the volume's frame into the heart's own, where its lobes are upright ellipsoids. */
function toHeart({ pose, shift, scale, waves }: Heart, [x, y, z]: Point): Point {
  const moved: Point = [(x - shift[0]) / scale, (y - shift[1]) / scale, (z - shift[2]) / scale];
  const p = applyMatrix(pose, moved);
  const ripple = (i: number, t: number) =>
    waves[i]!.amplitude * Math.sin(waves[i]!.frequency * t + waves[i]!.phase);
  return [
    p[0] + ripple(0, p[1]) + ripple(1, p[2]),
    p[1] + ripple(2, p[2]) + ripple(3, p[0]),
    p[2] + ripple(4, p[0]) + ripple(5, p[1]),
  ];
}

const lobeDistance = ([x, y, z]: Point, { centre, radii }: Lobe): Distance =>
  ellipsoidDistance([x - centre[0], y - centre[1], z - centre[2]], radii);

/** Distances of everything at a point (x to the left, y to the back, z up, in heart units around the volume's centre). */
export function heartDistances(heart: Heart, point: Point): HeartDistances {
  const p = toHeart(heart, point);
  const body = heart.lobes.map((lobe) => lobeDistance(p, lobe)).reduce((a, b) => smoothUnion(a, b, FILLET));
  let atrium = body;
  let veins = Number.POSITIVE_INFINITY;
  for (const vein of heart.veins) {
    const { distance, along } = tubeDistance(p, vein);
    veins = Math.min(veins, distance);
    if (along < vein.labeledPart) atrium = smoothUnion(atrium, distance, FILLET);
  }
  const aorta = Math.min(...heart.vessels.map((tube) => tubeDistance(p, tube).distance));
  const { scale } = heart;
  return {
    atrium: atrium * scale,
    veins: veins * scale,
    ventricle: lobeDistance(p, heart.ventricle) * scale,
    aorta: aorta * scale,
    tissue: lobeDistance(p, heart.tissue) * scale,
  };
}
