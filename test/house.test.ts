import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

/** What an npm script complains of; "" when it holds. */
function complaintsOf(script: "lint" | "typecheck"): string {
  const { status, stdout, stderr } = spawnSync("npm", ["run", "--silent", script], {
    cwd: root,
    encoding: "utf8",
  });
  return status === 0 ? "" : `${stdout}${stderr}`;
}

it("type-checks everywhere: tests, benchmarks and the viewer's pages, too", { timeout: 120_000 }, () => {
  expect(complaintsOf("typecheck")).toBe("");
});

it("is formatted and linted", { timeout: 120_000 }, () => {
  expect(complaintsOf("lint")).toBe("");
});
