import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { freemem, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { openStored, readBytes } from "./stored-file.js";

const dir = mkdtempSync(join(tmpdir(), "penumbra-stored-"));
afterAll(() => rmSync(dir, { recursive: true }));

/** A file with a hole: long, of few blocks. */
function sparse(name: string, size: number): string {
  const path = join(dir, name);
  writeFileSync(path, "start");
  truncateSync(path, size);
  return path;
}

it.runIf(freemem() > 6e9)(
  "reads more than one read call carries, 2 GiB",
  async () => {
    const length = 2 ** 31 + 5;
    const file = await openStored(sparse("long", length));
    const bytes = await readBytes(file, 0, length);
    expect(bytes.length).toBe(length);
    expect(Buffer.from(bytes.subarray(0, 5)).toString()).toBe("start");
  },
  60_000,
);

it("refuses more than a piece of memory may hold, before it takes any", async () => {
  const file = await openStored(sparse("longer", 2 ** 40));
  await expect(readBytes(file, 352, 2 ** 39)).rejects.toThrow(
    /longer: 549755813888 bytes in one piece are needed; at most \d+ are read/,
  );
});
