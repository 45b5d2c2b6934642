import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const source = fileURLToPath(new URL("./src", import.meta.url));
const empty = fileURLToPath(new URL("./node_modules/server-only/empty.js", import.meta.url));

/** unit: no I/O beyond temporary files. engine: real servers, started by `npm test`. */
export default defineConfig({
  resolve: { alias: { "@": source, "server-only": empty } },
  test: {
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    projects: [
      { extends: true, test: { name: "unit", include: ["src/**/*.test.ts"], exclude: ["src/**/*.engine.test.ts"] } },
      { extends: true, test: { name: "engine", include: ["src/**/*.engine.test.ts"] } },
    ],
  },
});
