/**
 * A server of the MongoDB protocol: a real `mongod` when there is one or one can be fetched, else SecantusDB, which comes
 * from PyPI as a wheel and needs Python only.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { watchMongodb } from "./mongodb-watch.mjs";
import { answers, endLeftover, endProcess, findOnPath, freePort, lastLines, run, startServer } from "./processes.mjs";
import { say, SetupError, step } from "./progress.mjs";
import { tools } from "./toolchain.mjs";

const escalation = [
  ["SIGTERM", 6_000],
  ["SIGKILL", 2_000],
];
const secantusVersion = "0.7.0b3";
const memoryServerVersion = "11.3.0";
const memoryServerFolder = join(tools, "mongodb");
const secantusFolder = join(tools, "secantusdb");

export const mongodbFix =
  "Install MongoDB (https://www.mongodb.com/docs/manual/installation) so that mongod is on PATH, or Python 3.10 or later with venv or pip, or set MONGODB_ADMIN_URL.";

/**
 * Makes sure that some server is there, fetching one when needed. Every network step has a deadline.
 * @param {{node: string, env: NodeJS.ProcessEnv}} toolchain
 * @param {() => Promise<void>} installPython asked when Python with venv is missing; may do nothing
 * @returns {Promise<{product: string, command: string, args: (folder: string, port: number) => string[], env: NodeJS.ProcessEnv}>}
 */
export async function ensureMongodb({ node, env }, installPython) {
  const mongod = findOnPath("mongod") ?? (await fetchedMongod());
  if (mongod) return plainMongod(mongod);
  if (existsSync(join(secantusFolder, ".version"))) {
    const python = await installedSecantus();
    if (python) return secantus(python);
  }
  const fetched = (await downloadWorks()) ? await fetchMongod(node, env) : null;
  return fetched ? plainMongod(fetched) : secantus(await installSecantus(installPython));
}

/**
 * @param {{server: Awaited<ReturnType<typeof ensureMongodb>>, directory: string, forTests: boolean, port?: number, watch?: {everyMs: number, patienceMs: number}}} options
 * watch: how the tests' SecantusDB is asked whether it still works
 */
export async function startMongodb({ server, directory, forTests, port: wantedPort, watch }) {
  const folder = join(directory, server.product === "MongoDB" ? "mongodb" : "secantusdb");
  const pidFile = join(directory, "mongodb.pid");
  const logFile = join(directory, "mongodb.log");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  await endLeftover({ pidFile, folder, escalation });
  const port = await freePort(wantedPort);
  const start = () =>
    startServer({
      name: server.product,
      command: server.command,
      args: server.args(folder, port),
      folder,
      logFile,
      pidFile,
      env: server.env,
      escalation,
      ready: () => answers(port),
    });
  let started = await start();
  const replace = async () => {
    say("MongoDB", `${server.product} has stopped answering and is started again; where its threads stood:`);
    await endProcess(started.pid, [
      ["SIGUSR1", 2_000],
      ["SIGKILL", 5_000],
    ]);
    process.stdout.write(`${whereThreadsStood(readFileSync(logFile, "utf8"))}\n`);
    await started.stop();
    started = await start().catch((error) => {
      say("MongoDB", error.message);
      return started;
    });
  };
  const unwatch = forTests && server.product === "SecantusDB" ? watchMongodb({ port, replace, ...watch }) : async () => {};
  const stop = async () => {
    await unwatch();
    await started.stop();
  };
  return {
    port,
    product: server.product,
    url: `mongodb://127.0.0.1:${port}/`,
    /** Another one when it was replaced. */
    get pid() {
      return started.pid;
    },
    stop,
  };
}

/** Of what Python's faulthandler wrote: the threads that are in the storage. */
function whereThreadsStood(log) {
  const threads = log.slice(log.search(/^(Current thread|Thread) 0x/m)).split(/\n(?=Current thread |Thread 0x)/);
  return threads
    .filter((thread) => thread.includes("storage.py"))
    .map((thread) => thread.split("\n").slice(0, 8).join("\n"))
    .slice(0, 40)
    .join("\n");
}

function plainMongod(command) {
  return {
    product: "MongoDB",
    command,
    args: (folder, port) => ["--dbpath", folder, "--port", String(port), "--bind_ip", "127.0.0.1", "--wiredTigerCacheSizeGB", "0.25"],
    env: { PATH: process.env.PATH, HOME: process.env.HOME },
  };
}

/** With SIGUSR1 it writes into its log where every thread stands. */
const secantusProgram =
  "import faulthandler, signal, sys; faulthandler.register(signal.SIGUSR1, all_threads=True); from secantus.cli import main; sys.exit(main())";

function secantus({ command, path }) {
  return {
    product: "SecantusDB",
    command,
    args: (folder, port) => [
      ...["-c", secantusProgram],
      ...["--host", "127.0.0.1", "--port", String(port), "--storage-path", folder, "--cache-size", "2G", "--log-level", "WARNING"],
    ],
    env: { PATH: process.env.PATH, HOME: process.env.HOME, LC_ALL: "C.UTF-8", ...(path ? { PYTHONPATH: path } : {}) },
  };
}

async function fetchedMongod() {
  const note = join(memoryServerFolder, "mongod.path");
  if (!existsSync(note)) return null;
  const file = readFileSync(note, "utf8").trim();
  return existsSync(file) ? file : null;
}

/** Whether MongoDB's own download answers at all: a firewalled machine finds out in three seconds instead of minutes. */
function downloadWorks() {
  return new Promise((resolve) => {
    const finish = (result) => {
      clearTimeout(deadline);
      asked.destroy();
      resolve(result);
    };
    const asked = request({ method: "HEAD", host: "fastdl.mongodb.org", path: "/" }, () => finish(true));
    const deadline = setTimeout(() => finish(false), 3_000);
    asked.once("error", () => finish(false));
    asked.end();
  });
}

/** mongodb-memory-server knows which archive fits which system; only its download is used. @returns {Promise<string | null>} null when it does not work */
async function fetchMongod(node, env) {
  mkdirSync(memoryServerFolder, { recursive: true });
  const script = `
    import { writeFileSync } from "node:fs";
    import { MongoBinary } from "mongodb-memory-server-core";
    const file = await MongoBinary.getPath({ downloadDir: ${JSON.stringify(join(memoryServerFolder, "binaries"))} });
    writeFileSync(${JSON.stringify(join(memoryServerFolder, "mongod.path"))}, file);
    process.exit(0);`;
  return step(
    {
      subject: "MongoDB",
      doing: "fetching mongod (about 100 MB)",
      done: (file) => (file ? `mongod is ${file}` : "mongod cannot be fetched here, taking SecantusDB"),
    },
    async () => {
      const install = [
        "install",
        "--prefix",
        memoryServerFolder,
        "--no-save",
        "--no-package-lock",
        "--ignore-scripts",
        `mongodb-memory-server-core@${memoryServerVersion}`,
      ];
      const installed = await run("npm", install, { env, timeoutMs: 120_000 });
      if (installed.code !== 0) return null;
      writeFileSync(join(memoryServerFolder, "fetch.mjs"), script);
      const fetched = await run(node, ["fetch.mjs"], { cwd: memoryServerFolder, env, timeoutMs: 300_000 });
      const file = fetched.code === 0 ? await fetchedMongod() : null;
      return file && (await run(file, ["--version"], { timeoutMs: 20_000 })).code === 0 ? file : null;
    },
  );
}

async function installedSecantus() {
  const python = join(secantusFolder, "bin", "python3");
  const candidates = existsSync(python) ? [{ command: python, path: null }] : [];
  const target = join(secantusFolder, "packages");
  const system = existsSync(target) ? await findPython() : null;
  if (system) candidates.push({ command: system, path: target });
  for (const candidate of candidates) {
    const env = { ...process.env, ...(candidate.path ? { PYTHONPATH: candidate.path } : {}) };
    const { code } = await run(candidate.command, ["-c", "import secantus"], { env, timeoutMs: 30_000 });
    if (code === 0) return candidate;
  }
  return null;
}

async function installSecantus(installPython) {
  let python = await findPython();
  if (!python || !(await hasVenv(python))) {
    await installPython();
    python = await findPython();
  }
  if (!python) throw new SetupError("There is no mongod, MongoDB's download does not answer, and there is no Python 3.10 or later for SecantusDB.", mongodbFix);
  return step({ subject: "MongoDB", doing: `installing SecantusDB ${secantusVersion} from PyPI`, done: "SecantusDB is in .tools/secantusdb" }, async () => {
    rmSync(secantusFolder, { recursive: true, force: true });
    mkdirSync(secantusFolder, { recursive: true });
    const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"];
    const inVenv = await run(python, ["-m", "venv", secantusFolder], { timeoutMs: 120_000 });
    let result = inVenv;
    if (inVenv.code === 0) {
      result = await run(join(secantusFolder, "bin", "python3"), [...pip, `SecantusDB==${secantusVersion}`], { timeoutMs: 300_000 });
    } else {
      rmSync(secantusFolder, { recursive: true, force: true });
      mkdirSync(secantusFolder, { recursive: true });
      result = await run(python, [...pip, "--target", join(secantusFolder, "packages"), `SecantusDB==${secantusVersion}`], { timeoutMs: 300_000 });
    }
    const usable = result.code === 0 ? await installedSecantus() : null;
    if (!usable)
      throw new SetupError(`There is no mongod, and SecantusDB cannot be installed (${lastLines(result.output, 1).trim().slice(0, 200)}).`, mongodbFix);
    writeFileSync(join(secantusFolder, ".version"), `${secantusVersion}\n`);
    return usable;
  });
}

async function findPython() {
  const names = ["python3", ...[14, 13, 12, 11, 10].map((minor) => `python3.${minor}`), "python"];
  for (const name of names) {
    const file = findOnPath(name);
    if (!file) continue;
    const { code } = await run(file, ["-c", "import sys; sys.exit(0 if sys.version_info >= (3, 10) else 1)"], { timeoutMs: 20_000 });
    if (code === 0) return file;
  }
  return null;
}

async function hasVenv(python) {
  const { code } = await run(python, ["-c", "import venv, ensurepip"], { timeoutMs: 20_000 });
  return code === 0;
}
