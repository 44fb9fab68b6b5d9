import { expect, it } from "vitest";
import { split } from "./raw-files.js";

const files = (folder: string, id: string) => ({ id, imagePath: `${folder}/${id}/image`, labelPath: null });

it("parts the last cases for the test, and refuses one name for two", () => {
  const cases = ["a", "b", "c"].map((id) => files("raw", id));
  expect(split(cases, null, 1).map(({ part }) => part)).toEqual(["training", "training", "test"]);
  expect(() => split([...cases, files("raw/again", "b")], null, 1)).toThrow(
    "raw/again/b/image: raw/b/image is named b, too",
  );
});
