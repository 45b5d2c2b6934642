/** A built console on the bench's servers, driven over REST, with its memory watched. */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ensureBuild } from "../setup/build.mjs";
import { endProcess, freePort, guard, sleep } from "../setup/processes.mjs";
import { startServers } from "../setup/servers.mjs";
import { memoryFlags } from "../setup/settings.mjs";
import { ensureToolchain, root } from "../setup/toolchain.mjs";

export const ITEMS = Number(process.env.BENCH_ITEMS ?? 1_000_000);
/** Bytes put into each row of PostgreSQL and SQLite beside its few columns. */
export const ROW_BYTES = Number(process.env.BENCH_ROW_BYTES ?? 0);
const directory = join(root, ".bench");

/** Starts servers and console. @returns {Promise<{servers: object, url: string, api: Function, pid: number, peak: () => number, stop: () => Promise<void>}>} */
export async function startBench({ prepare, mongodbUrl }) {
  const toolchain = await ensureToolchain();
  await ensureBuild(toolchain);
  const servers = await startServers({ directory, forTests: true, toolchain });
  for (const name of ["postgres", "redis"]) if (servers[name].state !== "running") throw new Error(`${name}: ${servers[name].reason} ${servers[name].fix}`);
  const mongodb = mongodbUrl ?? (servers.mongodb.state === "running" ? servers.mongodb.url : null);
  const data = await prepare({ postgres: servers.postgres.url, redis: servers.redis.url, mongodb, sqlite: join(directory, "bench.sqlite") });
  const console = await startConsole(toolchain, data);
  return {
    ...console,
    servers,
    data,
    async stop() {
      await console.stop();
      await servers.stop();
    },
  };
}

/** A console of its own on these databases; what is not named is not connected. */
export async function startConsole(toolchain, data) {
  const port = await freePort();
  const dataDirectory = join(directory, "console");
  rmSync(dataDirectory, { recursive: true, force: true });
  mkdirSync(dataDirectory, { recursive: true });
  const token = randomBytes(24).toString("hex");
  const admin = { email: "bench@foundry.example", password: randomBytes(16).toString("hex") };
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(
    toolchain.node,
    [...memoryFlags, join(root, "node_modules", "next", "dist", "bin", "next"), "start", "-H", "127.0.0.1", "-p", String(port)],
    {
      cwd: root,
      stdio: ["ignore", "ignore", "inherit"],
      env: {
        ...toolchain.env,
        NODE_ENV: "production",
        NEXT_MANUAL_SIG_HANDLE: "true",
        PORT: String(port),
        CONSOLE_URL: url,
        CONSOLE_DATA_DIR: dataDirectory,
        AUTH_SECRET: randomBytes(32).toString("hex"),
        ENCRYPTION_KEY: randomBytes(32).toString("base64"),
        ADMIN_EMAIL: admin.email,
        ADMIN_PASSWORD: admin.password,
        ADMIN_API_TOKEN: token,
        ADMIN_ENVIRONMENT: "development",
        POSTGRES_ADMIN_URL: data.postgres,
        REDIS_ADMIN_URL: data.redis,
        SQLITE_ADMIN_PATH: data.sqlite,
        ...(data.mongodb ? { MONGODB_ADMIN_URL: data.mongodb, MONGODB_ADMIN_DATABASE: "bench" } : {}),
        LOG_LEVEL: "warn",
      },
    },
  );
  guard(child.pid, "SIGTERM");
  for (let tries = 0; ; tries += 1) {
    const up = await fetch(`${url}/api/health`).then(
      (answer) => answer.ok,
      () => false,
    );
    if (up) break;
    if (tries > 300 || child.exitCode !== null) throw new Error("the console did not start");
    await sleep(100);
  }
  let peak = 0;
  const watch = setInterval(() => (peak = Math.max(peak, residentBytes(child.pid))), 50);
  return {
    url,
    dataDirectory,
    token,
    admin,
    pid: child.pid,
    resident: () => residentBytes(child.pid),
    resetPeak: () => (peak = residentBytes(child.pid)),
    peak: () => peak,
    api: (path, init = {}) =>
      fetch(`${url}/api/admin${path}`, { ...init, headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...init.headers } }),
    async stop() {
      clearInterval(watch);
      await endProcess(child.pid, [
        ["SIGTERM", 15_000],
        ["SIGKILL", 2_000],
      ]);
    },
  };
}

/** Resident bytes of a process, from /proc. */
export const residentBytes = (pid) => statusBytes(pid, "VmRSS");

/** The most that were resident since it began. */
export const peakBytes = (pid) => statusBytes(pid, "VmHWM");

function statusBytes(pid, field) {
  try {
    return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

export const mebibytes = (bytes) => `${(bytes / 1048576).toFixed(0)} MiB`;

/** Prints rows as aligned columns. @param {string[][]} rows the first is the head */
export function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => String(row[column] ?? "").length)));
  for (const row of rows)
    process.stdout.write(
      `${row.map((cell, column) => (column === 0 ? String(cell).padEnd(widths[column]) : String(cell ?? "").padStart(widths[column]))).join("  ")}\n`,
    );
}
