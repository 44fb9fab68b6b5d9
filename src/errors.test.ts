import { expect, it } from "vitest";
import { badInput, printable } from "./errors.js";

it("a message is one line that a terminal shows as it is, whatever a file's name or content brings in", () => {
  const { message } = badInput("a\nb\u001b[2J\u0000: \u202ecod.exe naïve 漢字");
  expect(message).toBe("a\ufffdb\ufffd[2J\ufffd: \ufffdcod.exe naïve 漢字");
  expect(badInput("x".repeat(5000)).message).toBe(`${"x".repeat(2000)}…`);
  expect(printable("left atrium (1), 12 °C")).toBe("left atrium (1), 12 °C");
});
