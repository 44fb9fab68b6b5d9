import { reorientationToRas } from "../volume/orientation.js";
import { type Grid, isPlaced, type Triple } from "../volume/volume.js";

export type Plane = "axial" | "coronal" | "sagittal";
export const PLANES: readonly Plane[] = ["axial", "coronal", "sagittal"];

/** Index of a host axis: 0 D, 1 H, 2 W. */
type Axis = 0 | 1 | 2;

/** A direction in the picture: the host axis it follows and whether its index falls along it. */
interface Direction {
  readonly axis: Axis;
  readonly reversed: boolean;
}

/** How a plane is shown: radiological convention, i.e. patient's right at the picture's left. */
export interface View {
  /** Host axis across the plane, the one a slice index counts along. */
  readonly across: Axis;
  /** Down the picture. */
  readonly down: Direction;
  /** Left to right. */
  readonly right: Direction;
  /** Letters at the left and top edges; null where the file doesn't say how the patient lies. */
  readonly edges: { readonly left: string; readonly top: string } | null;
}

/** Where storage order is all there is: +x left, +y posterior, +z superior, as scanners store axial series. */
const STORED_LPS = [-1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];

/** Which host axes and directions show this plane. Oblique grids are shown along their nearest axes. */
export function viewOf(plane: Plane, grid: Grid): View {
  const affine = isPlaced(grid) ? grid.affine : null;
  const [right, anterior, superior] = directionsToRas(affine ?? STORED_LPS);
  const leftward = flip(right);
  const posterior = flip(anterior);
  const inferior = flip(superior);
  const edges = (left: string, top: string) => (affine ? { left, top } : null);
  switch (plane) {
    case "axial":
      return { across: superior.axis, down: posterior, right: leftward, edges: edges("R", "A") };
    case "coronal":
      return { across: anterior.axis, down: inferior, right: leftward, edges: edges("R", "S") };
    case "sagittal":
      return { across: right.axis, down: inferior, right: posterior, edges: edges("A", "S") };
  }
}

/** The host axes that run nearest to right, anterior and superior. */
function directionsToRas(affine: readonly number[]): [Direction, Direction, Direction] {
  const { axes, reversed } = reorientationToRas(affine);
  const direction = (at: 0 | 1 | 2): Direction => ({ axis: axes[at] as Axis, reversed: reversed[at] });
  return [direction(2), direction(1), direction(0)];
}

const flip = ({ axis, reversed }: Direction): Direction => ({ axis, reversed: !reversed });

/** Centre of mass of the labels that aren't background, in whole voxels [D, H, W]; null where there is none. */
export function centreOfMass(labels: Uint8Array, [, height, width]: Triple): Triple | null {
  let [count, d, h, w] = [0, 0, 0, 0];
  for (let i = 0; i < labels.length; i++) {
    if (labels[i] === 0) continue;
    const row = Math.floor(i / width);
    count++;
    d += Math.floor(row / height);
    h += row % height;
    w += i % width;
  }
  return count === 0 ? null : [Math.round(d / count), Math.round(h / count), Math.round(w / count)];
}
