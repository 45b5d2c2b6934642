/** The servers of the sandbox: they keep their data, and nothing of them outlives the process that started them. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { commandLineOf, isAlive, sleep, worksIn } from "@/setup/processes.mjs";

let directory = "";
let children: ChildProcess[] = [];

beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), "sandbox-")));
  chmodSync(directory, 0o711);
  children = [];
});
afterEach(async () => {
  for (const child of children) child.kill("SIGKILL");
  await untilGone(pids());
  rmSync(directory, { recursive: true, force: true });
});

/** A process of its own that starts PostgreSQL and Redis, prints their addresses, and waits; a line on its standard input stops them. */
async function startSandbox(): Promise<{ child: ChildProcess; urls: Record<string, string> }> {
  const program = join(directory, "sandbox.mjs");
  const setup = join(process.cwd(), "src", "setup");
  writeFileSync(
    program,
    `import { startPostgres } from ${JSON.stringify(join(setup, "postgres-server.mjs"))};
     import { startRedis } from ${JSON.stringify(join(setup, "redis-server.mjs"))};
     const options = { root: ${JSON.stringify(directory)}, directory: ${JSON.stringify(directory)}, forTests: true };
     const servers = await Promise.all([startPostgres(options), startRedis(options)]);
     process.stdout.write(JSON.stringify({ postgres: servers[0].url, redis: servers[1].url }) + "\\n");
     process.stdin.once("data", async () => { await Promise.all(servers.map((server) => server.stop())); process.exit(0); });`,
  );
  const child = spawn(process.execPath, [program], { stdio: ["pipe", "pipe", "inherit"] });
  children.push(child);
  const [line] = (await once(child.stdout as NodeJS.ReadableStream, "data")) as [Buffer];
  return { child, urls: JSON.parse(line.toString()) as Record<string, string> };
}

function pids(): number[] {
  return ["postgres.pid", "redis.pid"].map((name) => join(directory, name)).flatMap((file) => (existsSync(file) ? [Number(readFileSync(file, "utf8"))] : []));
}

async function untilGone(processes: number[]): Promise<boolean> {
  for (let tries = 0; tries < 200 && processes.some(isAlive); tries += 1) await sleep(50);
  return !processes.some(isAlive);
}

test("servers stop with a word, and come back with the same addresses and passwords", async () => {
  const first = await startSandbox();
  const running = pids();
  expect(running).toHaveLength(2);
  first.child.stdin?.write("stop\n");
  await once(first.child, "exit");
  expect(running.some(isAlive)).toBe(false);
  expect(pids()).toEqual([]);
  const second = await startSandbox();
  // The port is part of the address only when nobody else took it meanwhile.
  const withoutPort = (url = "") => url.replace(/:\d+(?=\/|$)/, "");
  expect(withoutPort(second.urls.postgres)).toBe(withoutPort(first.urls.postgres));
  expect(withoutPort(second.urls.redis)).toBe(withoutPort(first.urls.redis));
});

test("servers stop when the process that started them is killed", async () => {
  const { child } = await startSandbox();
  const running = pids();
  child.kill("SIGKILL");
  expect(await untilGone(running)).toBe(true);
});

test.runIf(existsSync("/proc/self"))("a server that was left over is ended by the next start, and only that", async () => {
  const { child } = await startSandbox();
  const left = pids();
  // Its watchers go first, so that the servers stay behind.
  for (const pid of left) endWatcherOf(pid);
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(left.every(isAlive)).toBe(true);
  await startSandbox();
  expect(left.some(isAlive)).toBe(false);

  // A pid file that names a process of somebody else is no reason to end it.
  const stranger = spawn("/bin/sleep", ["60"], { cwd: "/" });
  children.push(stranger);
  expect(worksIn(stranger.pid ?? 0, directory)).toBe(false);
  expect(worksIn(pids()[0] ?? 0, directory)).toBe(true);
});

/** Found in /proc: a bare machine has no ps and no pgrep. */
function endWatcherOf(pid: number): void {
  for (const entry of readdirSync("/proc")) {
    const candidate = Number(entry);
    const words = Number.isInteger(candidate) ? commandLineOf(candidate).trim() : "";
    if (words.startsWith("/bin/sh -c read -r word") && words.includes(` guard ${pid} `)) process.kill(candidate, "SIGKILL");
  }
}
