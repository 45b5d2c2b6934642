/** The servers of the tests, under `.test/`, with their addresses in `.test/servers.json` as src/test/servers.ts reads it. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { answers } from "./processes.mjs";
import { say } from "./progress.mjs";
import { seedServers } from "./sandbox.mjs";
import { installServers, startServers } from "./servers.mjs";
import { root } from "./toolchain.mjs";

const directory = join(root, ".test");
const file = join(directory, "servers.json");

/**
 * Starts and seeds them, or takes those that run already.
 * @param {{node: string, env: NodeJS.ProcessEnv}} toolchain
 * @param {string[]} packages further Debian packages to install on the way
 * @returns {Promise<{missing: string[], console: Record<string, string>, stop: () => Promise<void>}>} missing: what cannot be had, in words;
 * console: the settings with which a console connects to them
 */
export async function ensureTestServers(toolchain, packages) {
  mkdirSync(directory, { recursive: true });
  await installServers(packages);
  const running = await runningServers();
  if (running) say("Servers", "taking those of .test/servers.json, which are running");
  const servers = running ?? (await startServers({ directory, forTests: true, toolchain }));
  const missing = ["postgres", "redis", "mongodb"].flatMap((engine) =>
    servers[engine].state === "missing" ? [`${servers[engine].reason} ${servers[engine].fix}`] : [],
  );
  if (!running && missing.length === 0) {
    const { postgres, redis, mongodb } = servers;
    const written = { postgres: postgres.url, redis: redis.url, mongodb: mongodb.url, postgresBinDir: postgres.binDir, redisServer: redis.command };
    // Passwords are in it.
    writeFileSync(file, `${JSON.stringify(written, null, 2)}\n`, { mode: 0o600 });
  }
  const seeded = await seedServers(toolchain, servers, directory);
  for (const [engine, { error }] of Object.entries(seeded)) if (error) missing.push(`The bookshop of ${engine}: ${error}`);
  return {
    missing,
    console: {
      ADMIN_ENVIRONMENT: "development",
      POSTGRES_ADMIN_URL: seeded.postgres?.url ?? "",
      REDIS_ADMIN_URL: seeded.redis?.url ?? "",
      MONGODB_ADMIN_URL: seeded.mongodb?.url ?? "",
      MONGODB_ADMIN_DATABASE: "bookshop",
      SQLITE_ADMIN_PATH: seeded.sqlite?.url ?? "",
      POSTGRES_TOOLS_DIR: servers.postgres.binDir ?? "",
    },
    stop: async () => {
      if (running) return;
      rmSync(file, { force: true });
      await servers.stop();
    },
  };
}

/** Servers that somebody keeps running for many test runs (`npm test -- --servers`). */
async function runningServers() {
  if (!existsSync(file)) return null;
  const { postgres, redis, mongodb, postgresBinDir, redisServer } = JSON.parse(readFileSync(file, "utf8"));
  const ports = [postgres, redis, mongodb].map((url) => Number(new URL(url).port));
  if (!(await Promise.all(ports.map((port) => answers(port)))).every(Boolean)) return null;
  return {
    postgres: { state: "running", url: postgres, binDir: postgresBinDir },
    redis: { state: "running", url: redis, command: redisServer },
    mongodb: { state: "running", url: mongodb },
  };
}
