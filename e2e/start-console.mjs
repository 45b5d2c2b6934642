/**
 * Starts the built console for the browser tests: production, on a fresh data directory and on a copy of the seeded SQLite file, so that
 * a run finds nothing of the run before. Ends it, and removes both, when it is told to stop. Settings come from playwright.config.ts.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";

const root = fileURLToPath(new URL("..", import.meta.url));
const build = join(root, process.env.NEXT_DIST_DIR || ".next");
if (!existsSync(join(build, "BUILD_ID"))) {
  process.stderr.write(`There is no build in ${build}: run \`npm run build\` first.\n`);
  process.exit(1);
}

const directory = process.env.E2E_DIRECTORY || mkdtempSync(join(tmpdir(), "console-browser-test-"));
mkdirSync(directory, { recursive: true, mode: 0o700 });
const clean = () => rmSync(directory, { recursive: true, force: true });
process.once("exit", clean);

const env = { ...process.env, CONSOLE_DATA_DIR: join(directory, "data") };
if (env.SQLITE_ADMIN_PATH) env.SQLITE_ADMIN_PATH = await copyOf(env.SQLITE_ADMIN_PATH);

const next = join(root, "node_modules", "next", "dist", "bin", "next");
const child = spawn(process.execPath, [next, "start", "-H", env.HOST, "-p", env.PORT], { cwd: root, env, stdio: ["ignore", "inherit", "inherit"] });
child.once("exit", (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill("SIGTERM"));

/** Through SQLite itself, so that what is still in the write-ahead log is in the copy. */
async function copyOf(path) {
  const copy = join(directory, basename(path));
  const database = new Database(path, { readonly: true });
  await database.backup(copy);
  database.close();
  return copy;
}
