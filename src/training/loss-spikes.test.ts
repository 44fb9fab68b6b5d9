import { describe, expect, it } from "vitest";
import { LossSpikes } from "./loss-spikes.js";

const STAGE = "stage1";
/** Losses 1.0, 1.1, 1.2, 1.1, 1.0, …: median 1.1, median absolute deviation 0.1. */
function settled(limit: number | null, count = 40): LossSpikes {
  const spikes = new LossSpikes(limit);
  for (let i = 0; i < count; i++)
    expect(spikes.see({ stage: STAGE, loss: [1, 1.1, 1.2, 1.1][i % 4]! })).toBeNull();
  return spikes;
}

describe("a loss", () => {
  it("is a spike when it is more than the limit's deviations above the median", () => {
    const spike = settled(10).see({ stage: STAGE, loss: 2.2 });
    expect(spike?.median).toBeCloseTo(1.1);
    expect(spike?.deviations).toBeCloseTo(11); // (2.2 - 1.1) / 0.1
    expect(settled(12).see({ stage: STAGE, loss: 2.2 })).toBeNull();
  });

  it("is none when it falls, is not finite, comes early, or nobody asks", () => {
    expect(settled(10).see({ stage: STAGE, loss: -9 })).toBeNull();
    expect(settled(10).see({ stage: STAGE, loss: Number.NaN })).toBeNull();
    expect(settled(10, 9).see({ stage: STAGE, loss: 99 })).toBeNull();
    expect(settled(null).see({ stage: STAGE, loss: 99 })).toBeNull();
  });

  it("of a new stage is compared with that stage's own", () => {
    const spikes = settled(10);
    expect(spikes.see({ stage: "stage2", loss: 99 })).toBeNull();
    expect(spikes.see({ stage: "stage2", loss: 1 })).toBeNull();
  });
});
