/**
 * The browser tests: the built console on real, seeded servers. `npm test` runs them; by hand, with the addresses in the environment:
 * `playwright test -c e2e/playwright.config.ts --project=browser journeys`. With E2E_BASE_URL they use a console that runs already.
 * The project `screenshots` is there only when it is asked for: `npm run screenshots`.
 */
import { join } from "node:path";
import { defineConfig } from "@playwright/test";
import { root, target } from "./support/target.ts";

const chromium = process.env["CHROMIUM_PATH"] ?? "/usr/bin/chromium";
const chromiumArguments = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
// Workers read this file again, with other arguments than the run.
if (process.argv.join(" ").includes("screenshots")) process.env["E2E_SCREENSHOTS"] = "1";

export default defineConfig({
  testDir: ".",
  outputDir: join(root, "test-results"),
  workers: 1,
  fullyParallel: false,
  // A second try is for a machine that was busy; `npm test` names what needed one.
  retries: process.env["CI"] === undefined ? 0 : 1,
  forbidOnly: process.env["CI"] !== undefined,
  timeout: 120_000,
  expect: { timeout: 20_000 },
  reporter: [["list"]],
  use: {
    baseURL: target.baseURL,
    browserName: "chromium",
    viewport: { width: 1440, height: 900 },
    actionTimeout: 20_000,
    navigationTimeout: 30_000,
    screenshot: "only-on-failure",
    launchOptions: { args: chromiumArguments, ...(chromium === "" ? {} : { executablePath: chromium }) },
  },
  projects: [
    { name: "http", testMatch: "http/**/*.spec.ts" },
    { name: "browser", testMatch: "*.spec.ts", testIgnore: ["http/**", "screenshots.spec.ts"] },
    ...(process.env["E2E_SCREENSHOTS"] ? [{ name: "screenshots", testMatch: "screenshots.spec.ts" }] : []),
  ],
  ...(target.isRunning
    ? {}
    : {
        webServer: {
          command: `"${process.execPath}" "${join(root, "e2e", "start-console.mjs")}"`,
          url: `${target.baseURL}/api/health`,
          cwd: root,
          env: target.serverEnv,
          reuseExistingServer: false,
          timeout: 120_000,
          gracefulShutdown: { signal: "SIGTERM", timeout: 20_000 },
          stdout: "pipe",
          stderr: "pipe",
        },
      }),
});
