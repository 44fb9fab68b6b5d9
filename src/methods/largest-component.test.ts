import { describe, expect, it } from "vitest";
import { largestComponents } from "./largest-component.js";

describe("largestComponents", () => {
  it("keeps each class's largest part, corners touching counted as one", () => {
    // a 4x4 plane: class 1 has a part of 3 (joined over a corner) and one of 2, class 2 a part of 2 and one of 1
    const before = [1, 1, 0, 2, 0, 0, 1, 2, 2, 0, 0, 0, 0, 0, 1, 1];
    const after = [1, 1, 0, 2, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0];
    expect([...largestComponents(Uint8Array.from(before), [1, 4, 4])]).toEqual(after);
  });

  it("joins over planes, not around the edges, and takes the first of equal parts", () => {
    const line = Uint8Array.from([1, 0, 0, 1]);
    expect([...largestComponents(line, [4, 1, 1])]).toEqual([1, 0, 0, 0]);
    const diagonal = Uint8Array.from([1, 0, 0, 0, 0, 0, 0, 1]); // opposite corners of a 2x2x2 cube
    expect([...largestComponents(diagonal, [2, 2, 2])]).toEqual([...diagonal]);
    // [1,2,3]: the row's end and the next row's start are no neighbours
    expect([...largestComponents(Uint8Array.from([0, 0, 1, 1, 0, 1]), [1, 2, 3])]).toEqual([
      0, 0, 1, 0, 0, 1,
    ]);
  });

  it("leaves an empty map empty", () => {
    expect([...largestComponents(new Uint8Array(8), [2, 2, 2])]).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
  });
});
