import { expect, it } from "vitest";
import { goldenNames, ofNoKind } from "./golden.js";

it("there are reference numbers, each of a kind that a test here compares", () => {
  const names = goldenNames();
  expect(names.length).toBeGreaterThan(0);
  expect(ofNoKind(names)).toEqual([]);
  const odd = ["loss.seed1.safetensors", "networks.seed1.safetensors"];
  expect(ofNoKind(["losses.seed1.safetensors", ...odd, "network_none.seed1.safetensors"])).toEqual(odd);
});
