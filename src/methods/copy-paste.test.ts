import { beforeEach, describe, expect, it } from "vitest";
import { full, ones, randn, zeros } from "../engine/make-tensor.js";
import { seedGenerators } from "../engine/random.js";
import { scope } from "../engine/scope.js";
import type { Tensor } from "../engine/tensor.js";
import { boxMask, maskedSupervisedLoss, pasted, pastedLoss, rows } from "./copy-paste.js";
import { supervisedLoss } from "./supervised.js";

const numbers = (x: Tensor) => [...x.toFloat32Array()];
const SIDES = [6, 9, 12] as const;
/** A box by hand: 0 in [1,5) x [2,8) x [3,11), 1 around it. */
function maskByHand(): Tensor {
  const mask = ones([1, 1, ...SIDES]);
  mask.slice(2, 1, 5).slice(3, 2, 8).slice(4, 3, 11).fill_(0);
  return mask;
}
/** The box's part of [B,...,6,9,12]. */
const inBox = (x: Tensor, first: number) =>
  x
    .slice(first, 1, 5)
    .slice(first + 1, 2, 8)
    .slice(first + 2, 3, 11);

beforeEach(() => seedGenerators(5), 60_000);

describe("boxMask", () => {
  it("leaves out a rectangle of a slice", () => {
    scope(() => {
      const values = numbers(boxMask([2, 1, 1, 9, 12], 2 / 3, "cpu"));
      expect(values.filter((value) => value === 0)).toHaveLength(6 * 8);
    });
  });

  it("leaves out a voxel at least, so that no loss is of none", () => {
    scope(() => {
      expect(numbers(boxMask([1, 1, ...SIDES], 0.01, "cpu")).filter((v) => v === 0)).toHaveLength(1);
    });
  });

  it("leaves out one box of the given share of each extent, inside, at other places each time", () => {
    scope(() => {
      const places = Array.from({ length: 20 }, () => {
        const mask = boxMask([2, 1, ...SIDES], 2 / 3, "cpu");
        expect(mask.shape).toEqual([1, 1, ...SIDES]);
        const values = numbers(mask);
        expect(new Set(values)).toEqual(new Set([0, 1]));
        const zeroAt = values.flatMap((v, i) => (v === 0 ? [i] : []));
        expect(zeroAt).toHaveLength(4 * 6 * 8);
        const [first, last] = [zeroAt[0]!, zeroAt.at(-1)!];
        expect(last - first).toBe((3 * 9 + 5) * 12 + 7); // corner to corner of 4 x 6 x 8
        return first;
      });
      expect(new Set(places).size).toBeGreaterThan(5);
    });
  });
});

describe("pasted", () => {
  it("takes the box from the inner tensor, of images as of labels", () => {
    scope(() => {
      const mask = maskByHand();
      const image = pasted(full([2, 1, ...SIDES], 3), full([2, 1, ...SIDES], 7), mask);
      expect(new Set(numbers(inBox(image, 2)))).toEqual(new Set([7]));
      expect(numbers(image).filter((v) => v === 3)).toHaveLength(2 * (6 * 9 * 12 - 4 * 6 * 8));
      const at = { dtype: "int64" } as const;
      const label = pasted(zeros([1, ...SIDES], at), ones([1, ...SIDES], at), mask.squeeze(1));
      expect(label.dtype).toBe("int64");
      expect(label.sum().item()).toBe(4 * 6 * 8);
    });
  });
});

describe("the loss of a pasted image", () => {
  const make = () => ({
    logits: randn([2, 3, ...SIDES]),
    target: randn([2, 3, ...SIDES]).argmax(1),
    other: randn([2, 3, ...SIDES]).argmax(1),
    mask: maskByHand(),
  });

  it("inside the box is the supervised loss of the box alone", () => {
    scope(() => {
      const { logits, target, mask } = make();
      const ours = maskedSupervisedLoss(logits, target, mask.neg().add(1)).item();
      expect(ours).toBeCloseTo(supervisedLoss(inBox(logits, 2), inBox(target, 1)).item(), 5);
      const all = maskedSupervisedLoss(logits, target, ones([1, 1, ...SIDES])).item();
      expect(all).toBeCloseTo(supervisedLoss(logits, target).item(), 5);
    });
  });

  it("is the sum of both parts with their weights, and each part sees its own target only", () => {
    scope(() => {
      const { logits, target, other, mask } = make();
      const value = (outer: Tensor, inner: Tensor, weights: { outer: number; inner: number }) =>
        pastedLoss(logits, { outer, inner, mask }, weights).item();
      const outside = maskedSupervisedLoss(logits, target, mask).item();
      const inside = maskedSupervisedLoss(logits, other, mask.neg().add(1)).item();
      expect(value(target, other, { outer: 1, inner: 0.5 })).toBeCloseTo(outside + 0.5 * inside, 5);
      const spoiled = pasted(other, target, mask.squeeze(1).to("int64").neg().add(1)); // target in the mask, else other
      expect(value(spoiled, other, { outer: 1, inner: 0.5 })).toBeCloseTo(outside + 0.5 * inside, 5);
    });
  });
});

it("rows takes rows by number, again and again", () => {
  scope(() => {
    const x = randn([3, 2]);
    const [a, , c] = [0, 1, 2].map((i) => numbers(x.slice(0, i, i + 1)));
    expect(numbers(rows(x, [2, 0, 2]))).toEqual([...c!, ...a!, ...c!]);
  });
});
