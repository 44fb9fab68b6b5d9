// What Debian and Ubuntu can install by themselves when they may.
import { existsSync, readdirSync } from "node:fs";
import { outputOf, run } from "./step.mjs";

const LISTS = "/var/lib/apt/lists";

/** The words before `apt-get` that let it install here ([] for root, sudo without a password); null if none do. */
function privilege() {
  if (process.platform !== "linux" || outputOf("apt-get", ["--version"]) === null) return null;
  if (process.getuid?.() === 0) return [];
  return outputOf("sudo", ["-n", "true"]) === null ? null : ["sudo", "-n"];
}

/** A function that installs Debian packages, or null where this machine or user can't. */
export function debianInstaller() {
  const words = privilege();
  if (!words) return null;
  const aptGet = (...args) => {
    const [command, ...rest] = [...words, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", ...args];
    return run(command, rest);
  };
  return async (packages) => {
    const install = () => aptGet("install", "-y", "-qq", "--no-install-recommends", ...packages);
    const hasLists = existsSync(LISTS) && readdirSync(LISTS).some((name) => name.includes("_Packages"));
    if (hasLists) {
      try {
        return await install();
      } catch {
        // Old lists name packages that mirrors have replaced since: fetch them anew and try once more.
      }
    }
    await aptGet("update", "-qq");
    await install();
  };
}
