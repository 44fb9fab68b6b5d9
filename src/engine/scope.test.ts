import { setTimeout as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { memoryFigures, resetPeakMemory } from "./libtorch.js";
import { ones } from "./make-tensor.js";
import { keep, scope } from "./scope.js";
import type { Tensor } from "./tensor.js";

const live = () => memoryFigures().tensors;
const isLive = (tensor: Tensor) => {
  try {
    return tensor.shape.length > 0;
  } catch {
    return false;
  }
};

describe("scope", () => {
  it("frees what was made in it", () => {
    const before = live();
    const made: Tensor[] = [];
    const value = scope(() => {
      made.push(ones([4]), ones([4]).add(1));
      expect(live()).toBe(before + 3); // the ones that were added to, too
      return made[1]!.sum().item();
    });
    expect(value).toBe(8);
    expect(live()).toBe(before);
    expect(made.map(isLive)).toEqual([false, false]);
  });

  it("hands a returned tensor to garbage collection where no scope is around it, with its size", async () => {
    resetPeakMemory();
    const before = memoryFigures().bytes;
    for (let i = 0; i < 100; i++) {
      scope(() => ones([2 << 20])); // 8 MB
      await turn(0);
    }
    expect(memoryFigures().peakBytes - before).toBeLessThan(500e6);
  });

  it("refuses a body that would go on when its tensors are freed", () => {
    const late = () =>
      scope(async () => {
        const x = ones([2]);
        await turn(0);
        return x.add(1);
      });
    expect(late).toThrow("its body is asynchronous");
  });

  it("hands returned tensors to the scope around it, however deep they lie", () => {
    const before = live();
    scope(() => {
      const { list, map, plain } = scope(() => ({
        plain: ones([1]),
        list: [[ones([1])], null, "text", new Float32Array(3)],
        map: new Map([["a", { b: ones([1]) }]]),
        lost: undefined,
      }));
      expect(live()).toBe(before + 3);
      expect([plain, (list[0] as Tensor[])[0]!, map.get("a")!.b].map(isLive)).toEqual([true, true, true]);
    });
    expect(live()).toBe(before);
  });

  it("returns a tensor through several scopes and frees the rest of each", () => {
    const before = live();
    const result = scope(() => {
      ones([1]);
      return scope(() => {
        ones([1]);
        return ones([3]);
      });
    });
    expect(live()).toBe(before + 1);
    expect(result.shape).toEqual([3]);
    result.dispose();
    expect(live()).toBe(before);
  });

  it("returns a tensor of a scope around it without taking it over", () => {
    scope(() => {
      const outer = ones([2]);
      expect(scope(() => outer)).toBe(outer);
      scope(() => {
        scope(() => outer);
      });
      expect(isLive(outer)).toBe(true);
    });
  });

  it("frees when its body throws, and so do the scopes around it", () => {
    const before = live();
    const broken = () =>
      scope(() => {
        ones([1]);
        scope(() => {
          ones([1]);
          throw new Error("broken");
        });
      });
    expect(broken).toThrow("broken");
    expect(live()).toBe(before);
    scope(() => ones([1]).item()); // later scopes work as ever
    expect(live()).toBe(before);
  });

  it("does not mind what was disposed of by hand", () => {
    const before = live();
    scope(() => ones([1]).dispose());
    expect(live()).toBe(before);
  });
});

describe("keep", () => {
  it("takes a tensor out of all scopes", () => {
    const before = live();
    const kept = scope(() => scope(() => keep(ones([2]))));
    const inside: Tensor[] = [];
    scope(() => {
      const outer = ones([2]);
      scope(() => inside.push(keep(outer)));
    });
    expect(live()).toBe(before + 2);
    expect([kept, ...inside].map(isLive)).toEqual([true, true]);
    for (const tensor of [kept, ...inside]) tensor.dispose();
    expect(live()).toBe(before);
  });

  it("holds also when the body throws", () => {
    let kept: Tensor | undefined;
    expect(() =>
      scope(() => {
        kept = keep(ones([2]));
        throw new Error("broken");
      }),
    ).toThrow("broken");
    expect(isLive(kept!)).toBe(true);
    kept!.dispose();
  });
});
