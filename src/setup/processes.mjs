/** Child processes: run one to its end, keep one running, and leave none behind. */
import { execFileSync, spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync, readlinkSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { delimiter, join } from "node:path";
import { SetupError } from "./progress.mjs";

const outputKept = 256 * 1024;

/**
 * Runs a command to its end. Never rejects for a failing command: look at `code` (null when it was ended by a signal or the deadline).
 * @param {string} command
 * @param {string[]} args
 * @param {{cwd?: string, env?: NodeJS.ProcessEnv, timeoutMs?: number, uid?: number, gid?: number, input?: string, onOutput?: (text: string) => void}} options
 * @returns {Promise<{code: number | null, output: string, timedOut: boolean}>} output: stdout and stderr as they came, the last 256 KB
 */
export function run(command, args, options = {}) {
  const { timeoutMs = 600_000, input, onOutput, ...spawnOptions } = options;
  return new Promise((resolve) => {
    const ownGroup = process.platform !== "win32";
    const child = spawn(command, args, { ...spawnOptions, detached: ownGroup, stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"] });
    let output = "";
    let timedOut = false;
    const collect = (chunk) => {
      onOutput?.(chunk);
      output = (output + chunk).slice(-outputKept);
    };
    child.stdout.setEncoding("utf8").on("data", collect);
    child.stderr.setEncoding("utf8").on("data", collect);
    const signalGroup = (signal) => {
      if (child.pid === undefined) return;
      try {
        process.kill(ownGroup ? -child.pid : child.pid, signal);
      } catch {
        // it has ended already
      }
    };
    const deadline = setTimeout(() => {
      timedOut = true;
      signalGroup("SIGKILL");
    }, timeoutMs);
    const endWithUs = () => signalGroup("SIGKILL");
    process.once("exit", endWithUs);
    const finish = (code) => {
      clearTimeout(deadline);
      process.removeListener("exit", endWithUs);
      resolve({ code, output, timedOut });
    };
    child.once("error", (error) => finish((collect(error.message), null)));
    child.once("close", finish);
    if (input !== undefined) child.stdin.on("error", () => {}).end(input);
  });
}

/** Last lines of an output that say something: what is printed when a command fails. */
export function lastLines(output, count = 5) {
  return output
    .split(/\r?\n/)
    .filter((line) => line.trim() !== "")
    .slice(-count)
    .join("\n");
}

/** Full path of an executable on PATH, or null. */
export function findOnPath(name) {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    if (folder === "") continue;
    const file = join(folder, process.platform === "win32" ? `${name}.exe` : name);
    if (existsSync(file)) return file;
  }
  return null;
}

export function isAlive(pid) {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (error.code !== "EPERM") return false;
  }
  try {
    // Ended and not yet collected by its parent: in a container that can last.
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return process.platform !== "linux";
  }
}

/** Whether the process `pid` works in `folder`: the folder is in its command line, or is where it runs. Guards against reused pids. */
export function worksIn(pid, folder) {
  if (!Number.isInteger(pid) || pid <= 1 || pid === process.pid || !isAlive(pid)) return false;
  const real = existsSync(folder) ? realpathSync(folder) : folder;
  const commandLine = commandLineOf(pid);
  if (commandLine.includes(folder) || commandLine.includes(real)) return true;
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === real;
  } catch {
    return false;
  }
}

export function commandLineOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    if (process.platform === "linux" || process.platform === "win32") return "";
  }
  try {
    return execFileSync("ps", ["-ww", "-o", "command=", "-p", String(pid)], { encoding: "utf8", timeout: 5_000 });
  } catch {
    return "";
  }
}

/** Parent of a process, where the system tells (Linux); null elsewhere. */
export function parentOf(pid) {
  try {
    return Number(/\) \w (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1]);
  } catch {
    return null;
  }
}

export const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Sends each signal in turn until the process is gone. @param {number} pid @param {[NodeJS.Signals, number][]} escalation signal and how long to wait after it, in ms */
export async function endProcess(pid, escalation) {
  for (const [signal, waitMs] of escalation) {
    try {
      process.kill(pid, signal);
    } catch {
      return;
    }
    const until = Date.now() + waitMs;
    while (Date.now() < until) {
      await sleep(50);
      if (!isAlive(pid)) return;
    }
  }
}

function portIsFree(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** A free loopback port: the wanted one when it is free, so that addresses stay the same from one start to the next. */
export async function freePort(wanted) {
  if (wanted && (await portIsFree(wanted))) return wanted;
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Whether something listens there. */
export function answers(port, host = "127.0.0.1") {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host });
    const finish = (result) => {
      socket.destroy();
      resolve(result);
    };
    socket.setTimeout(1_000, () => finish(false));
    socket.once("connect", () => finish(true));
    socket.once("error", () => finish(false));
  });
}

/**
 * Ends the process when this one disappears without a word (kill -9): a shell waits on a pipe that only we hold open.
 * @returns {() => void} call it when the process has ended by itself
 */
export function guard(pid, signal) {
  if (process.platform === "win32") return () => {};
  const script = 'read -r word || kill -s "$2" "$1" 2>/dev/null';
  const watcher = spawn("/bin/sh", ["-c", script, "guard", String(pid), signal.replace("SIG", "")], {
    detached: true,
    cwd: "/",
    stdio: ["pipe", "ignore", "ignore"],
  });
  watcher.on("error", () => {});
  watcher.stdin.on("error", () => {});
  watcher.unref();
  watcher.stdin.unref?.();
  return () => watcher.stdin.end("ended\n");
}

/**
 * Starts a server and waits until it is ready.
 * @param {object} server
 * @param {string} server.name for messages: "PostgreSQL"
 * @param {string} server.command
 * @param {string[]} server.args
 * @param {string} server.folder its data folder; also its working directory
 * @param {string} server.logFile
 * @param {string} server.pidFile
 * @param {(child: import("node:child_process").ChildProcess) => Promise<boolean>} server.ready asked until true
 * @param {[NodeJS.Signals, number][]} server.escalation how it is stopped
 * @param {NodeJS.ProcessEnv} [server.env]
 * @param {{uid: number, gid: number} | null} [server.user]
 * @param {number} [server.startTimeoutMs]
 * @returns {Promise<{pid: number, stop: () => Promise<void>, ended: Promise<void>}>}
 */
export async function startServer({ name, command, args, folder, logFile, pidFile, ready, escalation, env, user, startTimeoutMs = 60_000 }) {
  const log = openSync(logFile, "w", 0o600);
  const child = spawn(command, args, { cwd: folder, env, detached: true, stdio: ["ignore", log, log], ...user });
  closeSync(log);
  let hasEnded = false;
  const ended = new Promise((resolve) => {
    const end = () => {
      hasEnded = true;
      resolve();
    };
    child.once("exit", end);
    child.once("error", end);
  });
  const failed = async () => {
    const told = existsSync(logFile) ? lastLines(readFileSync(logFile, "utf8"), 2).replaceAll("\n", " | ") : "";
    return new SetupError(`${name} does not start${told === "" ? "." : `: ${told}`}`, `Its log is ${logFile}.`);
  };
  if (child.pid === undefined) {
    await ended;
    throw await failed();
  }
  const release = guard(child.pid, escalation[0][0]);
  writeFileSync(pidFile, `${child.pid}\n`);
  const stop = async () => {
    if (!hasEnded) await Promise.race([ended, endProcess(child.pid, escalation)]);
    release();
    rmSync(pidFile, { force: true });
  };
  const until = Date.now() + startTimeoutMs;
  while (!hasEnded && Date.now() < until) {
    if (await ready(child)) {
      child.unref();
      return { pid: child.pid, stop, ended };
    }
    await sleep(50);
  }
  await stop();
  throw await failed();
}

/** Ends what a killed start has left in this folder, after making sure that the process is really ours. */
export async function endLeftover({ pidFile, folder, escalation }) {
  if (!existsSync(pidFile)) return false;
  const pid = Number.parseInt(readFileSync(pidFile, "utf8"), 10);
  const ours = worksIn(pid, folder);
  if (ours) await endProcess(pid, escalation);
  rmSync(pidFile, { force: true });
  return ours;
}
