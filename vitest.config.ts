import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    globalSetup: ["test/cache-directory.setup.ts"],
    include: ["src/**/*.test.ts", "test/**/*.test.ts", "viewer/src/**/*.test.ts"],
    pool: "forks", // the addon is loaded once per process
    maxWorkers: 2,
    testTimeout: 60_000,
  },
});
