import "server-only";
import { spawn, type ChildProcess, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { writeFile, type FileHandle } from "node:fs/promises";
import { constants, setPriority } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { rootCertificates } from "node:tls";
import { STANDBY_CONFLICT } from "@/app/(console)/manage-dbs/postgres/postgres.errors";
import type { PostgresTarget } from "@/app/(console)/manage-dbs/postgres/postgres.target";
import type { JobContext } from "@/backups/engine";
import { AppError } from "@/server/errors";

/** pg_dump and pg_restore as child processes: absolute path, constant arguments, everything else by the environment, never through a shell. */

const KILL_GRACE_MS = 1_000;
const STDERR_LINES = 20;

export interface ToolProcess {
  stdout: Readable;
  /** Resolves when the tool has ended well; rejects with an AppError that has its last words. */
  done: Promise<void>;
  /** Ends the tool; `done` rejects. */
  kill(): void;
}

export interface FedTool extends ToolProcess {
  stdin: Writable;
}

export interface ToolCall {
  /** Absolute path. */
  file: string;
  /** Constants, and words made by the console: never a name, never a secret. */
  arguments: readonly string[];
  environment: Record<string, string>;
  /** Never shown; replaced in the tool's words. */
  secret?: string | undefined;
  /** Each line the tool says on stderr; `isComplaint` tells what went wrong from the steps that --verbose names. */
  onLine?: (line: string, isComplaint: boolean) => void;
  context: Pick<JobContext, "child">;
  /** It may take longer, so that others do not. */
  background?: boolean;
}

/** Lets the others go first on a busy machine. */
function giveWay(pid: number): void {
  try {
    setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // It has ended already, or the system knows no priorities.
  }
}

const spawnOptions = (call: ToolCall) => ({ shell: false, windowsHide: true, env: call.environment as unknown as NodeJS.ProcessEnv });

/** Starts a tool. Throws nothing: a tool that cannot be started rejects `done` with TOOL_MISSING. */
export function startTool(call: ToolCall): FedTool {
  const child = spawn(call.file, [...call.arguments], { ...spawnOptions(call), stdio: ["pipe", "pipe", "pipe"] });
  // A tool that ends early breaks its input; its exit says why.
  child.stdin.on("error", () => undefined);
  return { ...follow(child, call), stdin: child.stdin };
}

/** The same for a tool that reads an open file as its stdin by itself: it waits for nobody. */
export function startToolReading(file: FileHandle, call: ToolCall): ToolProcess {
  const child = spawn(call.file, [...call.arguments], { ...spawnOptions(call), stdio: [file.fd, "pipe", "pipe"] });
  return follow(child as ChildProcessByStdio<null, Readable, Readable>, call);
}

function follow(child: ChildProcessByStdio<Writable | null, Readable, Readable>, call: ToolCall): ToolProcess {
  if (child.pid !== undefined) {
    call.context.child(child.pid);
    if (call.background) giveWay(child.pid);
  }
  const said = lastLines(child.stderr, call);
  const done = endOf(child, call, said);
  done.catch(() => undefined);
  return {
    stdout: child.stdout,
    done,
    kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGTERM");
      setTimeout(() => child.kill("SIGKILL"), KILL_GRACE_MS).unref();
    },
  };
}

function lastLines(stderr: Readable, call: ToolCall): string[] {
  const lines: string[] = [];
  let rest = "";
  let isComplaint = true;
  stderr.setEncoding("utf8");
  stderr.on("data", (text: string) => {
    const parts = (rest + text).split("\n");
    rest = (parts.pop() ?? "").slice(-10_000);
    for (const part of parts) {
      const line = masked(part, call.secret).slice(0, 2_000);
      isComplaint = isComplaintAfter(line, isComplaint);
      call.onLine?.(line, isComplaint);
      if (isComplaint) lines.push(line);
      if (lines.length > STDERR_LINES) lines.shift();
    }
  });
  return lines;
}

const masked = (line: string, secret: string | undefined): string => (secret ? line.replaceAll(secret, "***") : line);

/** With --verbose the tools tell every step; only their complaints belong into an error. A line without their name goes on with the one before it. */
function isComplaintAfter(line: string, before: boolean): boolean {
  if (line.trim() === "") return false;
  return /^pg_(dump|restore): /.test(line) ? /^pg_(dump|restore): (error|warning|fatal|detail|hint|from TOC|while)/.test(line) : before;
}

async function endOf(child: ChildProcess, call: ToolCall, said: string[]): Promise<void> {
  const tool = call.file.split("/").at(-1) ?? "tool";
  let code: number | null;
  let signal: NodeJS.Signals | null;
  try {
    [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  } catch (error) {
    throw new AppError("TOOL_MISSING", `${tool} cannot be started`, {
      fix: "Install the PostgreSQL client tools, or set POSTGRES_TOOLS_DIR.",
      detail: String(error),
      cause: error,
    });
  }
  if (code === 0) return;
  const words = said.join("\n");
  const how = signal === null ? `ended with code ${code}` : `was ended by ${signal}`;
  throw toolError({ tool, how, words });
}

const TOOL_MEANINGS: [RegExp, { code: AppError["code"]; message: string; fix: string }][] = [
  [STANDBY_CONFLICT.words, STANDBY_CONFLICT],
  [
    /out of shared memory/,
    {
      code: "LIMIT_EXCEEDED",
      message: "The server's lock table is full: pg_dump locks every table",
      fix: "Raise max_locks_per_transaction on the server and restart it.",
    },
  ],
  [
    /server version mismatch/,
    { code: "TOOL_MISSING", message: "pg_dump is older than the server", fix: "Install the client tools of the server's version, or set POSTGRES_TOOLS_DIR." },
  ],
  [
    /unsupported version .* in file header/,
    { code: "TOOL_MISSING", message: "pg_restore is older than the backup", fix: "Install newer client tools, or set POSTGRES_TOOLS_DIR." },
  ],
  [
    /no password supplied|password authentication failed/,
    { code: "AUTH_FAILED", message: "The server refuses the password", fix: "Correct user and password in the connection." },
  ],
  [
    /permission denied|must be (owner|superuser|member)|query would be affected by row-level security/,
    { code: "FORBIDDEN", message: "The role lacks a right", fix: "Use a connection whose role may do this." },
  ],
  [
    /invalid memory alloc request size|Cannot enlarge string buffer|out of memory/,
    {
      code: "LIMIT_EXCEEDED",
      message: "A value is too large: PostgreSQL sends no row of more than 1 GB as text, and a byte of bytea takes two characters",
      fix: "Find it in the table named below (octet_length of its columns), and make it smaller or a large object. Or the machine has too little memory.",
    },
  ],
  [/No space left on device|could not extend file/, { code: "LIMIT_EXCEEDED", message: "A disk is full", fix: "Free space, then try again." }],
  [
    /canceling statement due to lock timeout|lock wait timeout/,
    { code: "CONFLICT", message: "Another session holds a lock on a table for too long", fix: "Wait for the other session, or end it, then try again." },
  ],
  [
    /snapshot .* does not exist|invalid snapshot identifier/,
    { code: "CONFLICT", message: "The snapshot is gone: the server was restarted or the session ended", fix: "Try again." },
  ],
  [
    /server closed the connection|terminating connection|connection to server .* (failed|was lost)|could not (receive|send) data/,
    { code: "UNREACHABLE", message: "The server went away", fix: "Try again when the server is back." },
  ],
  [
    /is not available|could not open extension control file|could not access file/,
    { code: "UNSUPPORTED", message: "The server lacks an extension the backup needs", fix: "Install the extension on the server." },
  ],
];

function toolError(options: { tool: string; how: string; words: string }): AppError {
  const { tool, how, words } = options;
  const meaning = TOOL_MEANINGS.find(([pattern]) => pattern.test(words))?.[1];
  const detail = words.slice(-3_000) || how;
  if (meaning) return new AppError(meaning.code, `${meaning.message} (${tool} ${how})`, { fix: meaning.fix, detail });
  return new AppError("INTERNAL", `${tool} ${how}`, { fix: "Read what it said, and the server's log.", detail });
}

/** Writes with back-pressure. Returns false when the reader is gone, which is not an error here: how it ended says more. */
export async function writeOrGone(stream: Writable, chunk: Uint8Array): Promise<boolean> {
  if (isGone(stream)) return false;
  if (stream.write(chunk)) return true;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      stream.off("drain", done);
      stream.off("close", done);
      resolve();
    };
    stream.on("drain", done);
    stream.on("close", done);
  });
  return !isGone(stream);
}

export const isGone = (stream: Writable): boolean => stream.destroyed || stream.writableEnded || stream.errored !== null;

export interface ToolEnvironment {
  target: PostgresTarget;
  encrypted: boolean;
  /** Private directory for the password file and certificates. */
  scratchDir: string;
}

/** What a tool needs to reach the server, without anything of the console's own environment. The password is in a 0600 file, not in the environment. */
export async function toolEnvironment({ target, encrypted, scratchDir }: ToolEnvironment): Promise<Record<string, string>> {
  const environment: Record<string, string> = {
    PGHOST: target.host,
    PGPORT: String(target.port),
    PGUSER: target.user,
    PGDATABASE: target.database,
    // Not there, so that nobody's own file is read; about a device libpq would warn in every log.
    PGPASSFILE: "/dev/null/none",
    PGSSLMODE: "disable",
    PGGSSENCMODE: "disable",
    PGCONNECT_TIMEOUT: "10",
    PGAPPNAME: "foundry-console",
    // No ~/.pgpass, service file or root certificate of the console's user plays along.
    HOME: scratchDir,
    PGSYSCONFDIR: scratchDir,
    LC_ALL: "C",
  };
  if (target.password !== undefined) {
    environment["PGPASSFILE"] = join(scratchDir, "pgpass");
    await writeFile(environment["PGPASSFILE"], `*:*:*:*:${target.password.replace(/[\\:]/g, "\\$&")}\n`, { mode: 0o600 });
  }
  if (encrypted) {
    environment["PGSSLMODE"] =
      target.tls === "prefer" || target.tls === "disable" ? "require" : target.tls === "require" && target.tlsCa ? "verify-ca" : target.tls;
    if (environment["PGSSLMODE"] !== "require") {
      environment["PGSSLROOTCERT"] = join(scratchDir, "root.pem");
      await writeFile(environment["PGSSLROOTCERT"], target.tlsCa ?? rootCertificates.join("\n"), { mode: 0o600 });
    }
  }
  return environment;
}
