/** A console of a test's own, on its own data and port: for tests that kill it. */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, openSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { root } from "../support/target.ts";

export interface OwnConsole {
  baseURL: string;
  token: string;
  /** Process id of the server that answers. */
  pid: () => number;
  start: () => Promise<void>;
  /** As a crash does. */
  kill: () => Promise<void>;
  stop: () => Promise<void>;
}

/** Addresses of the seeded servers: those `npm test` names in the environment, else those of .test/servers.json. */
export function databases(): Record<string, string> {
  const { POSTGRES_ADMIN_URL, REDIS_ADMIN_URL, MONGODB_ADMIN_URL, POSTGRES_TOOLS_DIR } = process.env;
  if (POSTGRES_ADMIN_URL && REDIS_ADMIN_URL && MONGODB_ADMIN_URL) {
    return {
      POSTGRES_ADMIN_URL,
      REDIS_ADMIN_URL,
      MONGODB_ADMIN_URL,
      MONGODB_ADMIN_DATABASE: "bookshop",
      ...(POSTGRES_TOOLS_DIR ? { POSTGRES_TOOLS_DIR } : {}),
    };
  }
  const servers = JSON.parse(readFileSync(join(root, ".test", "servers.json"), "utf8")) as {
    postgres: string;
    redis: string;
    mongodb: string;
    postgresBinDir: string;
  };
  const postgres = new URL(servers.postgres);
  postgres.pathname = "/bookshop";
  return {
    POSTGRES_ADMIN_URL: postgres.href,
    REDIS_ADMIN_URL: servers.redis,
    MONGODB_ADMIN_URL: servers.mongodb,
    MONGODB_ADMIN_DATABASE: "bookshop",
    POSTGRES_TOOLS_DIR: servers.postgresBinDir,
  };
}

export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => (address && typeof address === "object" ? resolve(address.port) : reject(new Error("no free port"))));
    });
  });
}

/**
 * @param options.data the directory of its control plane and backups; survives `kill`
 * @param options.log file that takes everything it prints
 */
export async function ownConsole({ data, settings = {}, log }: { data: string; settings?: Record<string, string>; log?: string }): Promise<OwnConsole> {
  const port = await freePort();
  const baseURL = `http://127.0.0.1:${port}`;
  const token = randomBytes(32).toString("base64url");
  const secret = randomBytes(32).toString("base64url");
  const isBuilt = existsSync(join(root, process.env["NEXT_DIST_DIR"] || ".next", "BUILD_ID"));
  const env: Record<string, string | undefined> = {
    ...process.env,
    ...databases(),
    PORT: String(port),
    HOST: "127.0.0.1",
    CONSOLE_URL: baseURL,
    NEXTAUTH_URL: baseURL,
    AUTH_SECRET: secret,
    NEXTAUTH_SECRET: secret,
    ENCRYPTION_KEY: randomBytes(32).toString("base64"),
    ADMIN_EMAIL: "own@foundry.example",
    ADMIN_PASSWORD: "seven own lanterns drift",
    ADMIN_API_TOKEN: token,
    ADMIN_ENVIRONMENT: "development",
    CONSOLE_DATA_DIR: data,
    NEXT_MANUAL_SIG_HANDLE: "true",
    NEXT_TELEMETRY_DISABLED: "1",
    NODE_ENV: isBuilt ? "production" : "development",
    ...(isBuilt ? {} : { NEXT_DIST_DIR: ".next-e2e-own" }),
    LOG_LEVEL: "warn",
    ...settings,
  };
  const output = log === undefined ? "ignore" : openSync(log, "a");
  let child: ChildProcess | null = null;
  const ended = async () => {
    while (child && child.exitCode === null && child.signalCode === null) await delay(20);
  };
  return {
    baseURL,
    token,
    pid: () => child?.pid ?? 0,
    async start() {
      const next = join(root, "node_modules", "next", "dist", "bin", "next");
      // Its own group, so that the whole of it dies in one moment (the development server has a child).
      child = spawn(process.execPath, [next, isBuilt ? "start" : "dev", "-H", "127.0.0.1", "-p", String(port)], {
        cwd: root,
        env: env as NodeJS.ProcessEnv,
        stdio: ["ignore", output, output],
        detached: true,
      });
      for (let tries = 0; tries < 600; tries += 1) {
        const answer = await fetch(`${baseURL}/api/health`).catch(() => null);
        if (answer?.status === 200) return;
        await delay(100);
      }
      throw new Error("the console of this test does not start");
    },
    async kill() {
      const pid = child?.pid ?? 0;
      if (isBuilt) process.kill(pid, "SIGKILL");
      else process.kill(-pid, "SIGKILL");
      await ended();
    },
    async stop() {
      if (child?.pid && child.exitCode === null && child.signalCode === null) process.kill(-child.pid, "SIGTERM");
      await ended();
    },
  };
}
