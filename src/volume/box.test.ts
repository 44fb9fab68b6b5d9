import { expect, it } from "vitest";
import { enlargedBox } from "./box.js";

it.each<[string, [number, number], number, number, number, [number, number]]>([
  ["both sides alike", [90, 110], 10, 96, 200, [52, 148]],
  ["the smaller half before", [90, 111], 0, 24, 200, [89, 113]],
  ["a margin that is cut, and the rest behind", [0, 50], 25, 96, 200, [0, 96]],
  ["the same at the other end", [150, 200], 25, 96, 200, [104, 200]],
  ["no more than there is", [30, 40], 5, 96, 60, [0, 60]],
  ["nothing where it is large enough", [20, 160], 10, 96, 200, [10, 170]],
])(
  "a box is enlarged to a patch where there is room: %s",
  (_, [start, end], margin, least, size, expected) => {
    const [first, last] = [start, end].map((n) => [0, 0, n] as const) as [
      readonly [number, number, number],
      readonly [number, number, number],
    ];
    const box = { start: first, end: [1, 1, last[2]] as const };
    const made = enlargedBox(box, [0, 0, margin], [1, 1, least], [1, 1, size]);
    expect([made.start[2], made.end[2]]).toEqual(expected);
  },
);
