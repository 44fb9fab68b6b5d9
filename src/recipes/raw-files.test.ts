import { expect, it } from "vitest";
import { split } from "./raw-files.js";

const cases = ["a", "b", "c"].map((id) => ({ id, imagePath: `raw/${id}/image`, labelPath: null }));

it("parts the last cases for the test, or the named ones", () => {
  expect(split(cases, null, 1).map(({ part }) => part)).toEqual(["training", "training", "test"]);
  expect(split(cases, ["b"], 1).map(({ part }) => part)).toEqual(["training", "test", "training"]);
});

it.each([
  [["d"], "--test-list names d, but the raw data has no such case"],
  [["c", "a", "b"], "--test-list names all 3 cases"],
])("refuses %j for the test", (ids, message) => {
  expect(() => split(cases, ids, 1)).toThrow(message);
});
