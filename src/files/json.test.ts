import { describe, expect, it } from "vitest";
import { parseJson } from "./json.js";

const nested = (levels: number, open = "[", close = "]") => open.repeat(levels) + close.repeat(levels);

describe("parseJson", () => {
  it("reads what JSON.parse reads, brackets and quotes in texts among it", () => {
    for (const text of [
      '{"a":[1,"]"],"b":"\\"[[["}',
      '"\\\\"',
      "3",
      nested(64),
      JSON.stringify({ text: nested(1000) }),
      JSON.stringify(Array(1000).fill({ a: [] })),
    ])
      expect(parseJson(text)).toEqual(JSON.parse(text));
  });

  it("refuses what is nested so deep that nothing could walk it, and what is no JSON", () => {
    expect(() => parseJson(nested(65))).toThrow(SyntaxError);
    expect(() => parseJson(nested(500_000))).toThrow(/more than 64 levels/);
    expect(() => parseJson(nested(100, '{"a":', "}"))).toThrow(/more than 64 levels/);
    expect(() => parseJson("[1,")).toThrow(SyntaxError);
  });
});
