/** The sandbox: local servers with the bookshop, for everybody who has no databases at hand yet. */
import { join } from "node:path";
import { run } from "./processes.mjs";
import { say, seconds } from "./progress.mjs";
import { root } from "./toolchain.mjs";

const words = { postgres: "PostgreSQL", redis: "Redis", mongodb: "MongoDB", sqlite: "SQLite" };

/** @param {Record<string, string | undefined>} settings @returns {boolean} whether a sandbox is wanted: no database is named and it is not turned off */
export function wantsSandbox(settings) {
  const named = ["POSTGRES_ADMIN_URL", "REDIS_ADMIN_URL", "MONGODB_ADMIN_URL", "SQLITE_ADMIN_PATH"].some((key) => settings[key]);
  return !named && (settings.SANDBOX || "on") !== "off";
}

/**
 * Seeds what runs, once; later starts find the mark and are done at once.
 * @param {{node: string, env: NodeJS.ProcessEnv}} toolchain
 * @param {Awaited<ReturnType<typeof import("./servers.mjs").startServers>>} servers
 * @param {string} directory where the SQLite file lives
 * @returns {Promise<Record<string, {url: string} | {error: string}>>} by engine
 */
export async function seedServers(toolchain, servers, directory) {
  const started = performance.now();
  const wanted = { sqlite: join(directory, "bookshop.sqlite") };
  for (const engine of ["postgres", "redis", "mongodb"]) if (servers[engine].state === "running") wanted[engine] = servers[engine].url;
  const { output, code } = await run(toolchain.node, [join(root, "src", "setup", "seed", "run.mjs")], {
    cwd: root,
    env: toolchain.env,
    input: JSON.stringify(wanted),
    timeoutMs: 120_000,
  });
  let results = {};
  try {
    results = JSON.parse(output.trim().split("\n").at(-1));
  } catch {
    for (const engine of Object.keys(wanted)) results[engine] = { error: `seeding ended with code ${code}: ${output.trim().slice(-300)}` };
  }
  for (const [engine, result] of Object.entries(results)) if (result.error) say(words[engine], `not seeded: ${result.error}`);
  if (Object.values(results).every((result) => !result.error))
    say(
      "Bookshop",
      `in ${Object.keys(results)
        .map((engine) => words[engine])
        .join(", ")} (${seconds(performance.now() - started)})`,
    );
  return results;
}

/**
 * What the console is told about the sandbox: addresses, and for what is missing the reason and the fix.
 * @returns {Record<string, string>}
 */
export function sandboxEnvironment(servers, seeded) {
  const environment = { ADMIN_ENVIRONMENT: "development", MONGODB_ADMIN_DATABASE: "bookshop" };
  if (seeded.sqlite?.url) environment.SQLITE_ADMIN_PATH = seeded.sqlite.url;
  for (const engine of ["postgres", "redis", "mongodb"]) {
    const prefix = engine.toUpperCase();
    const server = servers[engine];
    if (server.state === "running") environment[`${prefix}_ADMIN_URL`] = seeded[engine]?.url ?? server.url;
    else environment[`${prefix}_ADMIN_MISSING`] = `${server.reason}|${server.fix}`;
  }
  if (servers.postgres.binDir) environment.POSTGRES_TOOLS_DIR = servers.postgres.binDir;
  return environment;
}
