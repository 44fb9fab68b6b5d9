import { describe, expect, it } from "vitest";
import { mix, permutation, seeded, xoshiro } from "./random.js";

it("xoshiro128** gives the reference implementation's numbers from state 1, 2, 3, 4", () => {
  const random = xoshiro([1, 2, 3, 4]);
  const first = Array.from({ length: 10 }, () => random.bits());
  expect(first.slice(0, 5)).toEqual([11520, 0, 5927040, 70819200, 2031721883]);
  expect(first.slice(5)).toEqual([1637235492, 1287239034, 3734860849, 3729100597, 4258142804]);
});

it("mix is murmur3's finalizer", () => {
  expect([mix(0), mix(1), mix(0xffffffff)]).toEqual([0, 0x514e28b7, 0x81f16f39]);
});

describe("seeded", () => {
  const first = (...key: number[]) => seeded(...key).bits();

  it("gives the same numbers for the same key and others for other keys", () => {
    expect(first(1, 2, 3)).toBe(first(1, 2, 3));
    const keys = [[0], [1], [0, 0], [0, 1], [1, 0], [1, 2, 3], [3, 2, 1], [2 ** 32], [2 ** 40 + 1], [-1]];
    expect(new Set(keys.map((key) => first(...key))).size).toBe(keys.length);
  });

  it("spreads evenly below n, also over neighboring keys", () => {
    const counts = [0, 0, 0, 0];
    for (let key = 0; key < 8000; key++) counts[seeded(7, key).below(4)]!++;
    for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(160); // 4 standard deviations
  });
});

it("permutation holds each number once and every order is as likely", () => {
  const orders = new Map<string, number>();
  for (let seed = 0; seed < 6000; seed++) {
    const order = permutation(3, seeded(seed));
    expect([...order].sort()).toEqual([0, 1, 2]);
    orders.set(order.join(), (orders.get(order.join()) ?? 0) + 1);
  }
  expect(orders.size).toBe(6);
  for (const count of orders.values()) expect(Math.abs(count - 1000)).toBeLessThan(120);
});
