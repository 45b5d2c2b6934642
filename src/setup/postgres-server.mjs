/** A PostgreSQL of our own: finds the binaries, makes a cluster once, starts and stops it. */
import { createHash, randomBytes } from "node:crypto";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { endLeftover, endProcess, findOnPath, freePort, lastLines, run, startServer, worksIn } from "./processes.mjs";
import { SetupError } from "./progress.mjs";

const escalation = [
  ["SIGINT", 8_000],
  ["SIGQUIT", 3_000],
  ["SIGKILL", 2_000],
];

export const postgresFix =
  "Install PostgreSQL 13 or later with its server (Debian: apt-get install postgresql, macOS: brew install postgresql@17), or set POSTGRES_ADMIN_URL.";

/** Folders with both `postgres` and `initdb`, newest first. @returns {Promise<{folder: string, major: number}[]>} */
export async function findPostgres() {
  const folders = new Set();
  const add = (folder) => {
    if (existsSync(join(folder, "postgres")) && existsSync(join(folder, "initdb"))) folders.add(realpathSync(folder));
  };
  for (const name of ["postgres", "initdb"]) {
    const file = findOnPath(name);
    if (file) add(dirname(realpathSync(file)));
  }
  for (const [parent, ending] of [
    ["/usr/lib/postgresql", "bin"],
    ["/usr/local/opt", "bin"],
    ["/opt/homebrew/opt", "bin"],
    ["/usr", "bin"],
    ["/Applications/Postgres.app/Contents/Versions", "bin"],
  ]) {
    if (!existsSync(parent)) continue;
    for (const child of readdirSync(parent)) if (/^(postgresql|pgsql)?[-@]?\d*(\.\d+)?$/.test(child)) add(join(parent, child, ending));
  }
  const found = [];
  for (const folder of folders) {
    const { output } = await run(join(folder, "postgres"), ["--version"], { timeoutMs: 20_000 });
    const major = Number.parseInt(/\(PostgreSQL\) (\d+)/.exec(output)?.[1] ?? "0", 10);
    if (major >= 13) found.push({ folder, major });
  }
  return found.sort((a, b) => b.major - a.major);
}

/**
 * @param {{root: string, directory: string, forTests: boolean, port?: number}} options directory: where data and the password live
 * @returns {Promise<{url: string, port: number, pid: number, binDir: string, stop: () => Promise<void>, ended: Promise<void>}>} url: the superuser on database `postgres`
 */
export async function startPostgres({ root, directory, forTests, port: wantedPort }) {
  const found = await findPostgres();
  if (found.length === 0) throw new SetupError("PostgreSQL is not installed.", postgresFix);
  const user = await serverUser();
  const place = placeFor({ root, directory, user });
  // A cluster belongs to its major version; one that exists is kept rather than started anew with a newer server.
  const chosen = found.find(({ major }) => existsSync(join(place, `postgres-${major}`, "PG_VERSION"))) ?? found[0];
  const folder = join(place, `postgres-${chosen.major}`);
  const program = (name) => join(chosen.folder, name);
  const env = { PATH: process.env.PATH, LC_ALL: "C", LANG: "C", TZ: "UTC" };
  const passwordFile = join(directory, "postgres.password");
  const pidFile = join(directory, "postgres.pid");

  await endLeftover({ pidFile, folder, escalation });
  await clearPostmasterFile(folder);

  if (!existsSync(join(folder, "PG_VERSION"))) {
    const password = writePassword(passwordFile);
    await makeCluster({ folder, initdb: program("initdb"), password, user, env, forTests });
  } else if (!existsSync(passwordFile)) {
    const password = writePassword(passwordFile);
    const input = `ALTER ROLE postgres PASSWORD '${password}'\n`;
    await run(program("postgres"), ["--single", "-D", folder, "postgres"], { env, cwd: folder, input, timeoutMs: 60_000, ...user });
  }
  const password = readFileSync(passwordFile, "utf8").trim();

  const port = await freePort(wantedPort);
  const settings = { listen_addresses: "127.0.0.1", unix_socket_directories: "", logging_collector: "off", log_timezone: "UTC", timezone: "UTC" };
  if (forTests) Object.assign(settings, { fsync: "off", synchronous_commit: "off", full_page_writes: "off", max_connections: "200" });
  const server = await startServer({
    name: "PostgreSQL",
    command: program("postgres"),
    args: ["-D", folder, "-p", String(port), ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])],
    folder,
    logFile: join(directory, "postgres.log"),
    pidFile,
    env,
    user,
    escalation,
    ready: async (child) => isReady(folder, child.pid),
  });
  return { ...server, port, binDir: chosen.folder, url: `postgres://postgres:${password}@127.0.0.1:${port}/postgres` };
}

async function makeCluster({ folder, initdb, password, user, env, forTests }) {
  // Into a folder beside it first: an initdb that was interrupted leaves nothing that looks like a cluster.
  const fresh = `${folder}.new`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true, mode: 0o700 });
  const passwordFile = join(dirname(folder), `.password-${randomBytes(6).toString("hex")}`);
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600, flag: "wx" });
  if (user) for (const path of [fresh, passwordFile]) chownSync(path, user.uid, user.gid);
  try {
    const args = ["-D", fresh, "-U", "postgres", "--auth=scram-sha-256", `--pwfile=${passwordFile}`, "-E", "UTF8", ...(forTests ? ["--no-sync"] : [])];
    let result = await run(initdb, [...args, "--locale=C.UTF-8"], { env, cwd: "/", timeoutMs: 120_000, ...user });
    if (result.code !== 0 && /locale/.test(result.output)) result = await run(initdb, [...args, "--locale=C"], { env, cwd: "/", timeoutMs: 120_000, ...user });
    if (result.code !== 0)
      throw new SetupError(`PostgreSQL cannot make its data folder (initdb: ${lastLines(result.output, 2).replaceAll("\n", " ")}).`, postgresFix);
    rmSync(folder, { recursive: true, force: true });
    renameSync(fresh, folder);
  } finally {
    rmSync(passwordFile, { force: true });
    rmSync(fresh, { recursive: true, force: true });
  }
}

function writePassword(file) {
  const password = randomBytes(18).toString("base64url");
  rmSync(file, { force: true });
  writeFileSync(file, `${password}\n`, { mode: 0o600 });
  return password;
}

/** Its eighth line says so, in every language and version since 10. */
function isReady(folder, pid) {
  try {
    const lines = readFileSync(join(folder, "postmaster.pid"), "utf8").split("\n");
    return Number.parseInt(lines[0] ?? "", 10) === pid && (lines[7] ?? "").trim() === "ready";
  } catch {
    return false;
  }
}

async function clearPostmasterFile(folder) {
  const file = join(folder, "postmaster.pid");
  if (!existsSync(file)) return;
  const pid = Number.parseInt(readFileSync(file, "utf8"), 10);
  if (worksIn(pid, folder)) await endProcess(pid, escalation);
  // A reused pid would keep the new server from starting; a living server of this folder has just been ended.
  rmSync(file, { force: true });
}

/** PostgreSQL refuses to run as root; its own user runs it then. */
async function serverUser() {
  if (process.getuid?.() !== 0) return null;
  for (const name of ["postgres", "_postgres", "nobody"]) {
    const uid = await run("id", ["-u", name], { timeoutMs: 10_000 });
    const gid = await run("id", ["-g", name], { timeoutMs: 10_000 });
    if (uid.code === 0 && gid.code === 0) return { uid: Number.parseInt(uid.output, 10), gid: Number.parseInt(gid.output, 10) };
  }
  throw new SetupError("PostgreSQL does not run as root, and there is no user `postgres` to run it.", "Add that user, or run this as another user than root.");
}

/** Where the cluster can live so that its user reaches it: under `directory`, else under the system's place for temporary files that last. */
function placeFor({ root, directory, user }) {
  if (!user || reachable(directory)) return directory;
  const parent = existsSync("/var/tmp") ? "/var/tmp" : tmpdir();
  const place = join(parent, `foundry-console-${createHash("sha256").update(`${root}\0${directory}`).digest("hex").slice(0, 16)}`);
  if (!existsSync(place)) mkdirSync(place, { mode: 0o711 });
  chmodSync(place, 0o711);
  const { uid, mode } = lstatSync(place);
  if (!lstatSync(place).isDirectory() || uid !== process.getuid() || (mode & 0o022) !== 0) {
    throw new SetupError(`${place} belongs to somebody else.`, "Remove it, or put the project in a folder that every user may enter.");
  }
  return place;
}

function reachable(directory) {
  for (let folder = realpathSync(directory); ; folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o001) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}
