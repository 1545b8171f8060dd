// Two kinds of tests. `unit`: beside the code, parallel, each file with a database of its own. `system`: whole-system
// tests in tests/, one file at a time, because they start the product and own ports and processes.
import { defineConfig } from "vitest/config";

const SECOND_MS = 1000;

// biome-ignore lint/style/noDefaultExport: vitest reads the default export
export default defineConfig({
  test: {
    passWithNoTests: false,
    projects: [
      {
        test: {
          name: "unit",
          include: ["{control-plane,edge-templates,agents,platform,openresty,bin}/**/*.test.ts"],
          globalSetup: ["tests/global-setup.ts"],
          testTimeout: 20 * SECOND_MS,
          hookTimeout: 60 * SECOND_MS,
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: "system",
          include: ["tests/**/*.test.ts"],
          globalSetup: ["tests/global-setup.ts"],
          testTimeout: 180 * SECOND_MS,
          hookTimeout: 300 * SECOND_MS,
          fileParallelism: false,
        },
      },
    ],
  },
});
