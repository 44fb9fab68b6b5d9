import { expect, it } from "vitest";
import { sigmoidRampUp, stepDecay, teacherDecay } from "./schedule.js";

it.each([
  [0, 0.01],
  [2499, 0.01],
  [2500, 0.001],
  [4999, 0.001],
  [5000, 0.0001],
])("learning rate at iteration %i: %d", (iteration, rate) => {
  expect(stepDecay(0.01, iteration, 2500, 0.1)).toBeCloseTo(rate, 12);
});

it.each([
  [-1, 0.0067],
  [0, 0.0067], // exp(-5)
  [3000, 0.2865], // exp(-1.25)
  [6000, 1],
  [9000, 1],
])("ramp-up at iteration %i of 6000: %d", (iteration, weight) => {
  expect(sigmoidRampUp(iteration, 6000)).toBeCloseTo(weight, 4);
});

it("no ramp is full weight at once", () => expect(sigmoidRampUp(0, 0)).toBe(1));

it.each([
  [0, 0], // the teacher becomes the student
  [1, 0.5],
  [9, 0.9],
  [98, 98 / 99],
  [99, 0.99],
  [1000, 0.99],
])("teacher's decay after iteration %i: %d", (iteration, decay) => {
  expect(teacherDecay(iteration, 0.99)).toBeCloseTo(decay, 12);
});
