/** The production build, made again only when something that goes into it has changed. */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { lastLines, run } from "./processes.mjs";
import { say, SetupError, step } from "./progress.mjs";
import { root } from "./toolchain.mjs";

const sources = ["src", "public", "prisma-free-migrations", "next.config.mjs", "postcss.config.mjs", "tsconfig.json", "package.json", "package-lock.json"];
const notBuilt = [/\.test\.tsx?$/, /^src\/(setup|bench)\//, /^src\/test\//];

/** @param {string} [distribution] folder of the build, as NEXT_DIST_DIR */
export function buildFolder(distribution = process.env.NEXT_DIST_DIR || ".next") {
  return join(root, distribution);
}

/**
 * @param {{node: string, env: NodeJS.ProcessEnv}} toolchain
 * @returns {Promise<boolean>} whether something had to be built
 */
export async function ensureBuild({ node, env }) {
  const folder = buildFolder();
  const stamp = join(folder, "console-build.sha256");
  const wanted = sourceHash();
  if (existsSync(stamp) && existsSync(join(folder, "BUILD_ID")) && readFileSync(stamp, "utf8").trim() === wanted) return false;
  // From here until the end there is no whole build, also when we are killed on the way.
  rmSync(stamp, { force: true });
  await step({ subject: "Build", doing: "building the console (about a minute)", done: "built" }, async () => {
    const { code, output, timedOut } = await run(node, [join(root, "node_modules", "next", "dist", "bin", "next"), "build"], {
      cwd: root,
      env: { ...withoutSettings(env), NODE_ENV: "production", NEXT_TELEMETRY_DISABLED: "1" },
      timeoutMs: 1_200_000,
    });
    if (code !== 0) {
      say("Build", lastLines(output, 40));
      throw new SetupError(`The console cannot be built${timedOut ? ": no end after 20 minutes" : ""}.`, "The reason is above.");
    }
    writeFileSync(stamp, `${wanted}\n`);
  });
  return true;
}

/** A build knows no addresses, names or secrets: nothing of them can get into it. */
function withoutSettings(env) {
  const kept = { ...env };
  for (const key of Object.keys(kept)) if (/_ADMIN_|^ADMIN_|^AUTH_SECRET$|^ENCRYPTION_KEY$|^NEXTAUTH_|^CONSOLE_/.test(key)) delete kept[key];
  return kept;
}

function sourceHash() {
  const hash = createHash("sha256");
  const add = (path) => {
    const name = relative(root, path).replaceAll("\\", "/");
    if (notBuilt.some((pattern) => pattern.test(name))) return;
    hash.update(`${name}\0`).update(createHash("sha256").update(readFileSync(path)).digest());
  };
  const walk = (path) => {
    for (const entry of readdirSync(path, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const inside = join(path, entry.name);
      if (entry.isDirectory()) walk(inside);
      else if (entry.isFile()) add(inside);
    }
  };
  for (const name of sources) {
    const path = join(root, name);
    if (!existsSync(path)) continue;
    if (/\.\w+$/.test(name)) add(path);
    else walk(path);
  }
  return hash.digest("hex");
}
