/** A Redis or Valkey of our own, with a password, on a free loopback port. */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import { endLeftover, findOnPath, freePort, run, startServer } from "./processes.mjs";
import { SetupError } from "./progress.mjs";

const escalation = [
  ["SIGTERM", 8_000],
  ["SIGKILL", 2_000],
];

export const redisFix = "Install Redis or Valkey (Debian: apt-get install redis-server, macOS: brew install redis), or set REDIS_ADMIN_URL.";

export function findRedis() {
  return (
    findOnPath("redis-server") ??
    findOnPath("valkey-server") ??
    ["/opt/homebrew/bin/redis-server", "/usr/local/bin/redis-server", "/usr/bin/redis-server"].find((file) => existsSync(file)) ??
    null
  );
}

/** @param {{directory: string, forTests: boolean, port?: number}} options */
export async function startRedis({ directory, forTests, port: wantedPort }) {
  const command = findRedis();
  if (!command) throw new SetupError("Redis is not installed.", redisFix);
  const folder = join(directory, "redis");
  const pidFile = join(directory, "redis.pid");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  await endLeftover({ pidFile, folder, escalation });
  const passwordFile = join(directory, "redis.password");
  if (!existsSync(passwordFile)) writeFileSync(passwordFile, `${randomBytes(18).toString("base64url")}\n`, { mode: 0o600 });
  const password = readFileSync(passwordFile, "utf8").trim();
  const { output } = await run(command, ["--version"], { timeoutMs: 20_000 });
  const [major = 0, minor = 0] = (/v=(\d+)\.(\d+)/.exec(output) ?? []).slice(1).map(Number);
  const port = await freePort(wantedPort);
  // By file, not by argument: the password must not be in the process list.
  const configuration = join(folder, "redis.conf");
  const lines = [
    "bind 127.0.0.1",
    `port ${port}`,
    `dir ${JSON.stringify(folder)}`,
    `requirepass ${password}`,
    "daemonize no",
    "databases 16",
    forTests ? 'save ""' : "save 60 1",
    // Snapshots for backups begin at once; there are no replicas to wait for.
    "repl-diskless-sync-delay 0",
    // The title would hide the folder by which a leftover server is known.
    ...(major > 6 || (major === 6 && minor >= 2) ? ["set-proc-title no"] : []),
  ];
  rmSync(configuration, { force: true });
  writeFileSync(configuration, `${lines.join("\n")}\n`, { mode: 0o600 });
  const server = await startServer({
    name: "Redis",
    command,
    args: [configuration],
    folder,
    logFile: join(directory, "redis.log"),
    pidFile,
    env: { PATH: process.env.PATH, LC_ALL: "C" },
    escalation,
    ready: () => pings(port, password),
  });
  return { ...server, port, command, url: `redis://:${password}@127.0.0.1:${port}` };
}

function pings(port, password) {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: "127.0.0.1" });
    let answer = "";
    const finish = (result) => {
      socket.destroy();
      resolve(result);
    };
    socket.setTimeout(1_000, () => finish(false));
    socket.once("error", () => finish(false));
    socket.once("connect", () => socket.write(`AUTH ${password}\r\nPING\r\n`));
    socket.on("data", (chunk) => {
      answer += chunk;
      if (answer.includes("+PONG")) finish(true);
      else if (/^-/m.test(answer)) finish(false);
    });
  });
}
