import { describe, expect, it } from "vitest";
import type { Grid } from "../volume/volume.js";
import { centreOfMass, viewOf } from "./anatomy.js";

const grid = (affine: number[] | null): Grid => ({ shape: [2, 3, 4], spacingMm: null, affine });

describe("viewOf", () => {
  it("shows an RAS volume with right at the left and anterior on top", () => {
    const ras = grid([1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]);
    expect(viewOf("axial", ras)).toEqual({
      across: 0,
      down: { axis: 1, reversed: true },
      right: { axis: 2, reversed: true },
      edges: { left: "R", top: "A" },
    });
    expect(viewOf("sagittal", ras)).toMatchObject({ across: 2, down: { axis: 0, reversed: true } });
  });

  it("shows arrays without an affine as they are stored, superior up, and names no edge", () => {
    const { across, down, right, edges } = viewOf("axial", grid(null));
    expect([across, down.axis, down.reversed, right.axis, right.reversed]).toEqual([0, 1, false, 2, false]);
    expect(edges).toBeNull();
    expect(viewOf("coronal", grid(null))).toMatchObject({ across: 1, down: { axis: 0, reversed: true } });
    const affine = [-1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]; // made up where NIfTI's codes are 0
    const unplaced = { ...grid(affine), nifti: { sformCode: 0, qformCode: 0 } } as Grid;
    expect(viewOf("axial", unplaced)).toEqual(viewOf("axial", grid(null)));
  });

  it("finds the axes of a sagittal acquisition: x runs anterior, y superior, z left", () => {
    const affine = [0.1, 0, -3, 0, 1, 0.1, 0, 0, 0, 1, 0.2, 0, 0, 0, 0, 1];
    const view = viewOf("axial", grid(affine));
    expect(view).toMatchObject({
      across: 1,
      down: { axis: 2, reversed: true },
      right: { axis: 0, reversed: false },
    });
  });
});

describe("centreOfMass", () => {
  it("averages positions and is null for background alone", () => {
    const labels = new Uint8Array(24);
    labels[0] = 1; // [0, 0, 0]
    labels[12 + 8 + 2] = 2; // [1, 2, 2]
    expect(centreOfMass(labels, [2, 3, 4])).toEqual([1, 1, 1]);
    expect(centreOfMass(new Uint8Array(24), [2, 3, 4])).toBeNull();
  });
});
