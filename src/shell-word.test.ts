import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";
import { shellWord } from "./shell-word.js";

it("leaves plain words as they are", () => {
  for (const word of ["runs/a-1", "/data/x.nii.gz", "data.spacingMm=1,1"]) expect(shellWord(word)).toBe(word);
});

it.each(["", "sp ace/run", "it's", "$HOME", "a;b", "[1,1,1]", "~x", "\u00e4"])(
  "a shell gives %j back",
  (word) => {
    expect(execFileSync("sh", ["-c", `printf %s ${shellWord(word)}`], { encoding: "utf8" })).toBe(word);
  },
);
