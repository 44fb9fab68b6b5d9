import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpus } from "node:os";
import { describe, expect, it } from "vitest";
import { crowdedCores, otherBusyThreads } from "./busy-cores.js";

describe("cores that other programs have taken", () => {
  it("are said with what they leave", () => {
    expect(crowdedCores(2, 1, 2)).toMatch(
      /^warning: other programs keep 1 of 2 cores busy and this one takes 2: .*--threads 1$/,
    );
    expect(crowdedCores(16, 12, 16)).toMatch(
      /keep 12 of 16 cores busy and this one takes 16: .*--threads 4$/,
    );
    expect(crowdedCores(2, 7, 2)).toMatch(/keep 2 of 2 cores busy/);
    expect(crowdedCores(1, 2, 2)).toMatch(/better wait for them$/);
  });

  it("are not mentioned while all have room", () => {
    expect(crowdedCores(2, 0, 2)).toBeNull();
    expect(crowdedCores(4, 0, 2)).toBeNull(); // alone with too many threads: as was asked for
    expect(crowdedCores(8, 8, 16)).toBeNull();
    expect(crowdedCores(1, 1, 2)).toBeNull();
  });

  it("are seen", async () => {
    const busy = cpus().map(() => spawn(process.execPath, ["-e", "process.stdout.write('.'); for (;;) ;"]));
    try {
      await Promise.all(busy.map(({ stdout }) => once(stdout, "data")));
      expect(otherBusyThreads()).toBeGreaterThanOrEqual(Math.ceil(busy.length / 2));
    } finally {
      for (const child of busy) child.kill("SIGKILL");
    }
  });
});
