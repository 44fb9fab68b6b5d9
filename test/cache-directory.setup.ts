import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Tests keep prepared cases in a folder of their own, never in the user's. */
export default function setup(): () => void {
  const dir = mkdtempSync(join(tmpdir(), "penumbra-cache-"));
  process.env.XDG_CACHE_HOME = dir;
  return () => rmSync(dir, { recursive: true, force: true });
}
