/** A Chromium for the browser tests: the machine's own, Debian's, or the one that Playwright fetches. */
import { existsSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { canUseApt } from "./apt.mjs";
import { findOnPath, run } from "./processes.mjs";
import { SetupError, step } from "./progress.mjs";
import { root } from "./toolchain.mjs";

const names = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];
const places = ["/Applications/Google Chrome.app/Contents/MacOS/Google Chrome", "/Applications/Chromium.app/Contents/MacOS/Chromium"];

/** @returns {string | null} path of an installed Chromium or Chrome; CHROMIUM_PATH first */
export function findChromium() {
  if (process.env.CHROMIUM_PATH) return process.env.CHROMIUM_PATH;
  for (const name of names) {
    const file = findOnPath(name);
    if (file) return file;
  }
  return places.find((file) => existsSync(file)) ?? null;
}

/** Debian's packages that are missing for it; empty where apt cannot be used. */
export function missingChromiumPackages() {
  return canUseApt() && !findChromium() ? ["chromium", "fonts-dejavu-core"] : [];
}

/**
 * @param {{node: string, env: NodeJS.ProcessEnv}} toolchain
 * @returns {Promise<string>} path of the browser; empty when Playwright's own is to be used
 */
export async function ensureChromium({ node, env }) {
  const found = findChromium();
  if (found) return found;
  const fix = "Install Chromium or Chrome (Debian: apt-get install chromium fonts-dejavu-core), or set CHROMIUM_PATH.";
  if (!(await reachable("cdn.playwright.dev"))) throw new SetupError("There is no Chromium, and Playwright's download does not answer.", fix);
  await step({ subject: "Chromium", doing: "fetching Playwright's Chromium (about 150 MB)", done: "fetched" }, async () => {
    const { code, output } = await run(node, [join(root, "node_modules", "playwright", "cli.js"), "install", "chromium"], {
      cwd: root,
      env,
      timeoutMs: 600_000,
    });
    if (code !== 0) throw new SetupError(`Chromium cannot be fetched (${output.trim().split("\n").at(-1)}).`, fix);
  });
  return "";
}

function reachable(host) {
  return new Promise((resolve) => {
    const finish = (result) => {
      clearTimeout(deadline);
      asked.destroy();
      resolve(result);
    };
    const asked = request({ method: "HEAD", host, path: "/" }, () => finish(true));
    const deadline = setTimeout(() => finish(false), 3_000);
    asked.once("error", () => finish(false));
    asked.end();
  });
}
