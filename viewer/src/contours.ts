/** A closed line as x, y, x, y, ...; pixel (i, j) covers [i, i + 1] x [j, j + 1]. */
export type Outline = Float32Array;

const ROUNDS = 2;

/**
 * Outlines of a class in a slice: lines through the middles of the pixel edges between inside and outside, with corners
 * cut (Chaikin 1974), so that they stay within half a pixel of the labels. Inside is to the left of a line.
 */
export function outlines(labels: Uint8Array, width: number, height: number, wanted: number): Outline[] {
  const edges = edgesOf(labels, width, height, wanted);
  const found: Outline[] = [];
  for (const [start, ends] of edges) {
    while (ends.length > 0) found.push(smooth(follow(edges, start), width + 1));
  }
  return found;
}

type Edges = Map<number, number[]>;

/** Directed pixel edges by their first corner, corners numbered row by row. */
function edgesOf(labels: Uint8Array, width: number, height: number, wanted: number): Edges {
  const edges: Edges = new Map();
  const row = width + 1;
  const add = (from: number, to: number) => {
    const known = edges.get(from);
    if (known) known.push(to);
    else edges.set(from, [to]);
  };
  const inside = (x: number, y: number) =>
    x >= 0 && y >= 0 && x < width && y < height && labels[y * width + x] === wanted;
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (labels[i] !== wanted) continue;
      const corner = y * row + x;
      if (!inside(x, y - 1)) add(corner, corner + 1);
      if (!inside(x + 1, y)) add(corner + 1, corner + 1 + row);
      if (!inside(x, y + 1)) add(corner + 1 + row, corner + row);
      if (!inside(x - 1, y)) add(corner + row, corner);
    }
  }
  return edges;
}

/** Takes one closed walk of corners out of the edges. */
function follow(edges: Edges, start: number): number[] {
  const corners = [start];
  let at = edges.get(start)!.pop()!;
  while (at !== start) {
    corners.push(at);
    const next = edges.get(at)!;
    at = next.pop()!;
  }
  return corners;
}

function smooth(corners: readonly number[], row: number): Outline {
  const count = corners.length;
  let points = new Float32Array(2 * count);
  for (let i = 0; i < count; i++) {
    const [a, b] = [corners[i]!, corners[(i + 1) % count]!];
    points[2 * i] = ((a % row) + (b % row)) / 2;
    points[2 * i + 1] = (Math.floor(a / row) + Math.floor(b / row)) / 2;
  }
  for (let round = 0; round < ROUNDS; round++) points = cutCorners(points);
  return points;
}

function cutCorners(points: Float32Array): Float32Array<ArrayBuffer> {
  const count = points.length / 2;
  const cut = new Float32Array(4 * count);
  for (let i = 0; i < count; i++) {
    const next = (i + 1) % count;
    for (let axis = 0; axis < 2; axis++) {
      const [a, b] = [points[2 * i + axis]!, points[2 * next + axis]!];
      cut[4 * i + axis] = 0.75 * a + 0.25 * b;
      cut[4 * i + 2 + axis] = 0.25 * a + 0.75 * b;
    }
  }
  return cut;
}
