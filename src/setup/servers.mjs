/**
 * Real PostgreSQL, Redis and MongoDB servers on free loopback ports, with their data under one folder. Used by the sandbox of
 * `npm start` and by the tests. What cannot be had is said, never thrown.
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { aptInstall, canUseApt } from "./apt.mjs";
import { ensureMongodb, startMongodb } from "./mongodb-server.mjs";
import { findPostgres, startPostgres } from "./postgres-server.mjs";
import { findOnPath, isAlive, worksIn } from "./processes.mjs";
import { say, seconds, SetupError } from "./progress.mjs";
import { findRedis, startRedis } from "./redis-server.mjs";
import { root } from "./toolchain.mjs";

/**
 * @typedef {{state: "running", url: string, port: number, stop: () => Promise<void>, binDir?: string, command?: string, product?: string}} Running
 * @typedef {{state: "missing", reason: string, fix: string}} Missing
 */

/**
 * Installs what is missing where that is possible without asking: as root on Debian.
 * @param {string[]} more further packages to install in the same run
 */
export async function installServers(more = []) {
  const packages = [...more];
  if ((await findPostgres()).length === 0) packages.push("postgresql");
  if (!findRedis()) packages.push("redis-server");
  if (!canUseApt() || packages.length === 0) return;
  await aptInstall(packages).catch((error) => say("apt", error.message));
}

/**
 * Starts the three servers, side by side.
 * @param {{directory: string, forTests: boolean, toolchain: {node: string, env: NodeJS.ProcessEnv}}} options
 * @returns {Promise<{postgres: Running | Missing, redis: Running | Missing, mongodb: Running | Missing, stop: () => Promise<void>}>}
 */
export async function startServers({ directory, forTests, toolchain }) {
  mkdirSync(directory, { recursive: true });
  // Others may pass through (PostgreSQL's user has to), nobody may look.
  chmodSync(directory, 0o711);
  takeOwnership(directory);
  const ports = readPorts(directory);
  const [postgres, redis, mongodb] = await Promise.all([
    attempt("PostgreSQL", () => startPostgres({ root, directory, forTests, port: ports.postgres })),
    attempt("Redis", () => startRedis({ directory, forTests, port: ports.redis })),
    attempt("MongoDB", async () => {
      const server = await ensureMongodb(toolchain, installPython);
      return startMongodb({ server, directory, forTests, port: ports.mongodb });
    }),
  ]);
  const running = [postgres, redis, mongodb].filter((server) => server.state === "running");
  const kept = {
    ...ports,
    ...Object.fromEntries(Object.entries({ postgres, redis, mongodb }).flatMap(([name, server]) => (server.port ? [[name, server.port]] : []))),
  };
  writeFileSync(join(directory, "ports.json"), `${JSON.stringify(kept)}\n`);
  return {
    postgres,
    redis,
    mongodb,
    stop: async () => {
      await Promise.all(running.map((server) => server.stop()));
    },
  };
}

async function installPython() {
  if (!canUseApt()) return;
  const packages = findOnPath("python3") ? ["python3-venv"] : ["python3", "python3-venv"];
  await aptInstall(packages).catch((error) => say("apt", error.message));
}

async function attempt(name, start) {
  const started = performance.now();
  for (let tries = 1; ; tries += 1) {
    try {
      const server = await start();
      say(
        name,
        `${server.product && server.product !== name ? `${server.product} ` : ""}on 127.0.0.1:${server.port} (${seconds(performance.now() - started)})`,
      );
      return { state: "running", ...server };
    } catch (error) {
      // Between finding a free port and taking it, somebody else may have taken it.
      if (tries < 3 && /in use/i.test(error.message)) continue;
      const { reason, fix } = error instanceof SetupError ? error : { reason: `${name} does not start: ${error.message}`, fix: "" };
      say(name, `not available: ${reason}${fix ? ` ${fix}` : ""}`);
      return { state: "missing", reason, fix };
    }
  }
}

function readPorts(directory) {
  try {
    return JSON.parse(readFileSync(join(directory, "ports.json"), "utf8"));
  } catch {
    return {};
  }
}

/** Two consoles on one sandbox would end each other's servers as leftovers. */
function takeOwnership(directory) {
  const file = join(directory, "owner.pid");
  const owner = existsSync(file) ? Number.parseInt(readFileSync(file, "utf8"), 10) : Number.NaN;
  if (Number.isInteger(owner) && owner !== process.pid && isAlive(owner) && worksIn(owner, root)) {
    throw new SetupError(`The servers in ${directory} are in use by process ${owner}.`, "Stop it first, or set *_ADMIN_URL or SANDBOX=off.");
  }
  writeFileSync(`${file}.new`, `${process.pid}\n`);
  renameSync(`${file}.new`, file);
}
