// Three kinds of tests. `unit`: beside the code, parallel, each file with a database of its own. `system`: whole-system
// tests in tests/, two files at a time: each starts products of its own, on ports and in folders of its own, and waits for
// them most of its time. `alone`: those that hold the product to a time, one file at a time with nothing beside it.
import { defineConfig } from "vitest/config";

const SECOND_MS = 1000;
const HELD_TO_A_TIME = ["tests/system/caching.test.ts"];

// biome-ignore lint/style/noDefaultExport: vitest reads the default export
export default defineConfig({
  test: {
    passWithNoTests: false,
    globalSetup: ["tests/global-setup.ts"],
    projects: [
      {
        test: {
          name: "unit",
          include: ["{control-plane,edge-templates,agents,platform,openresty,bin}/**/*.test.ts"],
          testTimeout: 20 * SECOND_MS,
          hookTimeout: 60 * SECOND_MS,
          // They wait for other programs half of their time: three keep two cores busy.
          maxWorkers: 3,
          // No module keeps a state that tests share, so a worker loads each once, not once per file.
          isolate: false,
        },
      },
      {
        test: {
          name: "system",
          include: ["tests/**/*.test.ts"],
          exclude: HELD_TO_A_TIME,
          testTimeout: 180 * SECOND_MS,
          hookTimeout: 300 * SECOND_MS,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: "alone",
          include: HELD_TO_A_TIME,
          testTimeout: 180 * SECOND_MS,
          hookTimeout: 300 * SECOND_MS,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
