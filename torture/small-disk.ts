import { execFileSync } from "node:child_process";
import { mkdirSync, rmdirSync } from "node:fs";

export interface SmallDisk {
  readonly dir: string;
  remove(): void;
}

/** A disk of so many megabytes in memory. Throws where this user may not mount one. */
export function smallDisk(dir: string, megabytes: number): SmallDisk {
  mkdirSync(dir, { recursive: true });
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", dir], { stdio: "ignore" });
  return {
    dir,
    remove() {
      execFileSync("umount", [dir], { stdio: "ignore" });
      rmdirSync(dir);
    },
  };
}
