import "server-only";
import { execFile } from "node:child_process";
import { access, constants, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { AppError } from "@/server/errors";
import { single } from "@/server/single";

/** pg_dump and pg_restore of one version; they always come together. */
export interface PostgresTools {
  /** Absolute path of the directory with both. */
  directory: string;
  pgDump: string;
  pgRestore: string;
  major: number;
  minor: number;
  /** "15.18" */
  version: string;
}

export interface ToolSearch {
  /** A directory to look in first (POSTGRES_TOOLS_DIR). */
  toolsDir?: string | undefined;
  /** Replaces PATH, for tests. */
  path?: string | undefined;
  /** Replaces the directories packages install to, for tests. */
  packageDirs?: readonly string[] | undefined;
}

const run = promisify(execFile);

/** Parents whose children are versions: Debian, Homebrew on both chips, EnterpriseDB on macOS, Red Hat. */
const VERSIONED_PARENTS: readonly { parent: string; child: RegExp; bin: string }[] = [
  { parent: "/usr/lib/postgresql", child: /^\d+$/, bin: "bin" },
  { parent: "/opt/homebrew/opt", child: /^(postgresql|libpq)(@\d+)?$/, bin: "bin" },
  { parent: "/usr/local/opt", child: /^(postgresql|libpq)(@\d+)?$/, bin: "bin" },
  { parent: "/Library/PostgreSQL", child: /^\d+$/, bin: "bin" },
  { parent: "/usr", child: /^pgsql-\d+$/, bin: "bin" },
  { parent: "/usr/libexec", child: /^postgresql\d+$/, bin: "" },
];

/** Every usable pair, newest first. Directories without both tools, or with tools that do not run, are left out. */
export async function findAllTools(search: ToolSearch): Promise<PostgresTools[]> {
  const directories = [
    ...(search.toolsDir ? [search.toolsDir, join(search.toolsDir, "bin")] : []),
    ...(await packageDirectories(search)),
    ...pathDirectories(search),
  ];
  const found = await Promise.all([...new Set(directories)].map(inspect));
  return found.filter((tools) => tools !== null).toSorted((left, right) => right.major - left.major || right.minor - left.minor);
}

async function packageDirectories(search: ToolSearch): Promise<string[]> {
  if (search.packageDirs) return [...search.packageDirs];
  const lists = await Promise.all(
    VERSIONED_PARENTS.map(async ({ parent, child, bin }) => {
      const names = await readdir(parent).catch(() => []);
      return names.filter((name) => child.test(name)).map((name) => join(parent, name, bin));
    }),
  );
  return lists.flat();
}

/** Relative parts of PATH depend on where the console was started; they are left out. */
function pathDirectories(search: ToolSearch): string[] {
  return (search.path ?? "").split(":").filter((directory) => directory.startsWith("/"));
}

/** What the tools of a directory said, and of which files. */
interface Inspected {
  files: string;
  until: number;
  tools: PostgresTools;
}

/** A file there may be a script that calls the newest installed version, so what it said holds only for a while. */
const INSPECTED_MS = 60_000;

async function inspect(directory: string): Promise<PostgresTools | null> {
  const files = await filesIn(directory);
  if (files === null) return null;
  const known = single("postgres-tools", () => new Map<string, Inspected>());
  const before = known.get(directory);
  if (before && before.files === files && performance.now() < before.until) return before.tools;
  const tools = await ask(directory);
  // One that did not answer may have had no time to.
  if (tools !== null) known.set(directory, { files, until: performance.now() + INSPECTED_MS, tools });
  return tools;
}

/** Tells the two files from others of the same name; null when one is missing. */
async function filesIn(directory: string): Promise<string | null> {
  try {
    const found = await Promise.all([join(directory, "pg_dump"), join(directory, "pg_restore")].map((path) => stat(path)));
    return found.map(({ dev, ino, size, mtimeMs, ctimeMs }) => [dev, ino, size, mtimeMs, ctimeMs].join(" ")).join("\n");
  } catch {
    return null;
  }
}

async function ask(directory: string): Promise<PostgresTools | null> {
  const pgDump = join(directory, "pg_dump");
  const pgRestore = join(directory, "pg_restore");
  try {
    await Promise.all([access(pgDump, constants.X_OK), access(pgRestore, constants.X_OK)]);
    const outputs = await Promise.all(
      [pgDump, pgRestore].map((tool) => run(tool, ["--version"], { timeout: 5_000, encoding: "utf8", env: { LC_ALL: "C" } as unknown as NodeJS.ProcessEnv })),
    );
    const [dump, restore] = outputs.map(({ stdout }) => readVersion(stdout));
    if (!dump || !restore || dump.major !== restore.major) return null;
    return { directory, pgDump, pgRestore, ...dump };
  } catch {
    return null;
  }
}

/** "pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", "... 18beta1" */
export function readVersion(text: string): { major: number; minor: number; version: string } | null {
  const match = /\(PostgreSQL\) (\d+)(?:\.(\d+))?([a-z]+\d+)?/.exec(text);
  if (!match) return null;
  return { major: Number(match[1]), minor: Number(match[2] ?? 0), version: `${match[1]}${match[2] ? `.${match[2]}` : ""}${match[3] ?? ""}` };
}

/**
 * The newest pair that can dump a server of this major version. Throws TOOL_MISSING when there is none, and says whether
 * nothing was found or only older ones.
 */
export async function findTools(serverMajor: number, search: ToolSearch): Promise<PostgresTools> {
  const [newest] = await findAllTools(search);
  const fix = `Install the package postgresql-client-${serverMajor} (or newer), or set POSTGRES_TOOLS_DIR to the directory that holds pg_dump and pg_restore.`;
  if (!newest) throw new AppError("TOOL_MISSING", "pg_dump and pg_restore are not installed on the console's machine", { fix });
  if (newest.major < serverMajor) {
    throw new AppError("TOOL_MISSING", `pg_dump ${newest.version} is older than the server (PostgreSQL ${serverMajor}), and refuses to read it`, {
      fix,
      detail: newest.directory,
    });
  }
  return newest;
}
