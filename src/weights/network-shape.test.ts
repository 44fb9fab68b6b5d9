import { describe, expect, it } from "vitest";
import { networkShape } from "./network-shape.js";

const tensors = (shapes: Record<string, number[]>) =>
  new Map(
    Object.entries(shapes).map(([name, shape]) => [
      name,
      { dtype: "F32", data: new Float32Array(0), shape } as const,
    ]),
  );
const VNET = {
  "block_one.conv.0.weight": [16, 1, 3, 3, 3],
  "block_five.conv.0.weight": [256, 256, 3, 3, 3],
  "mean_l.weight": [2, 16, 1, 1, 1],
  "cov_factor_l.weight": [16, 16, 1, 1, 1],
};

describe("the shape of a network", () => {
  it("is read from its tensors", () => {
    const shape = networkShape(tensors(VNET), "x");
    expect(shape).toMatchObject({ kind: "aua", filters: 16, classes: 2, rank: 8, dimensions: 3 });
  });

  // each claims a large network that takes no room in the file
  it.each([
    ["block_one.conv.0.weight", [16, 1, 0, 3, 3]],
    ["block_five.conv.0.weight", [256, 256, 0, 3, 3]],
    ["block_five.conv.0.weight", [256, 256, 1, 1, 1]],
    ["mean_l.weight", [200, 0, 1, 1, 1]],
    ["cov_factor_l.weight", [2_000_000_000, 0, 1, 1, 1]],
  ])("is refused where %s is %j", (name, shape) => {
    expect(() => networkShape(tensors({ ...VNET, [name]: shape }), "x")).toThrow(/^x: .*expected/);
  });
});
