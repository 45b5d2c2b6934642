/** A redis-server of one test file: free port, own directory, ended with the test. Not shared, so it may be flushed and killed. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Redis } from "ioredis";
import type { Connection } from "@/server/connection";
import { testConnection } from "@/test/connections";
import { testServers } from "@/test/servers";

export interface TestRedis {
  port: number;
  url: string;
  dir: string;
  connection: Connection;
  process: ChildProcess;
  /** A plain driver client, for setting up and looking behind the scenes. */
  driver(db?: number, password?: string): Redis;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** @param binary another redis-server or valkey-server than the tests' own */
export async function startRedis(args: string[] = [], binary = testServers.redisServer): Promise<TestRedis> {
  const dir = await mkdtemp(join(tmpdir(), "console-redis-"));
  const port = await freePort();
  const drivers: Redis[] = [];
  const launch = async () => {
    const child = spawn(
      binary,
      ["--port", String(port), "--bind", "127.0.0.1", "--dir", dir, "--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0", ...args],
      { stdio: "ignore" },
    );
    await untilAnswers(port);
    return child;
  };
  const url = `redis://127.0.0.1:${port}`;
  const server: TestRedis = {
    port,
    url,
    dir,
    connection: testConnection("redis", url, { name: `test-${port}` }),
    process: await launch(),
    driver(db = 0, password) {
      const driver = new Redis({ port, db, protocol: 2, maxRetriesPerRequest: 1, ...(password === undefined ? {} : { password }) });
      driver.on("error", () => undefined);
      drivers.push(driver);
      return driver;
    },
    async restart() {
      await end(server.process);
      server.process = await launch();
    },
    async stop() {
      for (const driver of drivers) driver.disconnect();
      await end(server.process);
      await rm(dir, { recursive: true, force: true });
    },
  };
  return server;
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  await once(probe, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** With its children: one that a test stopped would outlive it for ever, because it never notices. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  // It may be about to end by itself: its end is waited for from here on.
  const ended = once(child, "exit");
  // A stopped server forks no more, so none comes after the list.
  child.kill("SIGSTOP");
  const children = await childrenOf(child);
  child.kill("SIGKILL");
  for (const pid of children) signal(pid, "SIGKILL");
  await ended;
}

/** Process ids of what a server has forked and not yet ended: the writer of a snapshot. */
export async function childrenOf({ pid }: ChildProcess): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  return text.split(" ").filter(Boolean).map(Number);
}

/** It may have ended by itself meanwhile. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

async function untilAnswers(port: number): Promise<void> {
  // Without the driver's own check, which waits a second while a server loads its data.
  const driver = new Redis({ port, protocol: 2, retryStrategy: () => 20, maxRetriesPerRequest: 500, enableReadyCheck: false });
  driver.on("error", () => undefined);
  // A server with a password answers NOAUTH, which is an answer too.
  for (let isLoading = true; isLoading;) {
    const answer = await driver.ping().catch((error: Error) => (/^(NOAUTH|LOADING)/.test(error.message) ? error.message : Promise.reject(error)));
    isLoading = answer.startsWith("LOADING");
    if (isLoading) await delay(10);
  }
  driver.disconnect();
}
