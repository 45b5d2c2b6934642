/** A server of one's own, like the one the tests run on, that a test may kill. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { connect, createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { testServers } from "@/test/servers";

export interface OwnServer {
  url: string;
  /** @param more options of its command line for this time only */
  start(more?: readonly string[]): Promise<void>;
  /** SIGKILL. Resolves when it is gone. */
  kill(): Promise<void>;
}

/** Null where the tests run on a server that was not started here, or whose command line cannot be read. */
export async function ownServer(folder: string): Promise<OwnServer | null> {
  const pidFile = join(process.cwd(), ".test", "mongodb.pid");
  const started = JSON.parse(readFileSync(join(process.cwd(), ".test", "servers.json"), "utf8")) as { mongodb: string };
  if (testServers.mongodb !== started.mongodb || !existsSync(pidFile)) return null;
  const pid = /\d+/.exec(readFileSync(pidFile, "utf8"))?.[0] ?? "";
  if (!existsSync(`/proc/${pid}/cmdline`)) return null;
  const [command = "", ...args] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1);
  const env = readFileSync(`/proc/${pid}/environ`, "utf8")
    .split("\0")
    .slice(0, -1)
    .map((entry) => entry.split(/=(.*)/s, 2));
  const port = await freePort();
  const own = args.map((arg, index) => {
    if (args[index - 1] === "--port") return String(port);
    return args[index - 1] === "--dbpath" || args[index - 1] === "--storage-path" ? folder : arg;
  });
  let child: ChildProcess | null = null;
  return {
    url: `mongodb://127.0.0.1:${port}/?directConnection=true`,
    async start(more = []) {
      child = spawn(command, [...own, ...more], { stdio: "ignore", env: { NODE_ENV: "test", ...(Object.fromEntries(env) as Record<string, string>) } });
      for (let waited = 0; !(await answers(port)); waited += 50) {
        if (waited > 30_000) throw new Error("the server does not answer");
        await delay(50);
      }
    },
    async kill() {
      if (!child || child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("connect", () => resolve(true)).on("error", () => resolve(false));
    socket.on("connect", () => socket.destroy());
  });
}
