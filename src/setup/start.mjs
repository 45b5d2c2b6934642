/**
 * `npm start`: installs what is missing, starts the sandbox when no database is named, builds, and runs the console until it is
 * told to stop. Settings come from the environment and `.env`; README.md lists them. `--dev` runs Next's development server
 * instead of a build (`npm run dev`), `--build` only builds (`npm run build`).
 */
import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { join } from "node:path";
import { buildFolder, ensureBuild } from "./build.mjs";
import { endProcess, guard, parentOf, sleep } from "./processes.mjs";
import { say, seconds, SetupError } from "./progress.mjs";
import { sandboxEnvironment, seedServers, wantsSandbox } from "./sandbox.mjs";
import { installServers, startServers } from "./servers.mjs";
import { dataDirectoryOf, ensureSecrets, memoryFlags, portOf, readSettings } from "./settings.mjs";
import { ensureToolchain, root } from "./toolchain.mjs";

const begun = performance.now();
const isDevelopment = process.argv.includes("--dev");
const readyWithinMs = 120_000;
let servers = null;
let consoleProcess = null;
let stopping = null;

/** Ends the console first, then its servers; each has its time and is then ended the hard way. */
function stop(code) {
  stopping ??= (async () => {
    if (consoleProcess && consoleProcess.exitCode === null && consoleProcess.signalCode === null) {
      await endProcess(consoleProcess.pid, [
        ["SIGTERM", 15_000],
        ["SIGKILL", 2_000],
      ]);
    }
    await servers?.stop();
    process.exit(code);
  })();
  return stopping;
}

async function main() {
  if (process.argv.includes("--build")) {
    const built = await ensureBuild(await ensureToolchain());
    if (!built) say("Build", "nothing has changed");
    process.exit(0);
  }
  const settings = readSettings(root);
  const port = portOf(settings);
  const host = settings.HOST || "127.0.0.1";
  const dataDirectory = dataDirectoryOf(root, settings);
  await portMustBeFree(host, port);
  const secrets = ensureSecrets(dataDirectory, settings);
  const toolchain = await ensureToolchain();

  const sandboxDirectory = join(root, ".sandbox");
  const sandbox = wantsSandbox(settings) ? startSandbox(toolchain, sandboxDirectory) : Promise.resolve({});
  // Both are waited for, so that a failing build does not leave servers that are just starting.
  const [sandboxed, built] = await Promise.allSettled([sandbox, isDevelopment ? null : ensureBuild(toolchain)]);
  for (const result of [built, sandboxed]) if (result.status === "rejected") throw result.reason;
  if (stopping) return;

  const address = `http://${host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host}:${port}`;
  const url = settings.CONSOLE_URL || address;
  const env = {
    ...settings,
    ...sandboxed.value,
    ...secrets,
    PATH: toolchain.env.PATH,
    PORT: String(port),
    HOST: host,
    CONSOLE_DATA_DIR: dataDirectory,
    CONSOLE_URL: url,
    NEXTAUTH_URL: url,
    NEXTAUTH_SECRET: secrets.AUTH_SECRET,
    NEXT_MANUAL_SIG_HANDLE: "true",
    NEXT_TELEMETRY_DISABLED: "1",
    NODE_ENV: isDevelopment ? "development" : "production",
  };
  runConsole(toolchain.node, env, host, port);
  await waitUntilHealthy(`${address}/api/health`);
  say("Ready", `${url} (${seconds(performance.now() - begun)})`);
}

async function startSandbox(toolchain, directory) {
  await installServers();
  servers = await startServers({ directory, forTests: false, toolchain });
  if (stopping) return servers.stop();
  return sandboxEnvironment(servers, await seedServers(toolchain, servers, directory));
}

function portMustBeFree(host, port) {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error) => {
      const reason = error.code === "EADDRINUSE" ? `Port ${port} is in use.` : `${host}:${port} cannot be listened on (${error.code}).`;
      reject(new SetupError(reason, "Set PORT to a free one."));
    });
    server.listen({ port, host, exclusive: true }, () => server.close(resolve));
  });
}

function runConsole(node, env, host, port) {
  // Its own process group: Ctrl-C in a terminal must not reach it before we decide the order.
  consoleProcess = spawn(
    node,
    [...memoryFlags, join(root, "node_modules", "next", "dist", "bin", "next"), isDevelopment ? "dev" : "start", "-H", host, "-p", String(port)],
    {
      cwd: root,
      env,
      detached: true,
      stdio: ["ignore", "inherit", "inherit"],
    },
  );
  const release = guard(consoleProcess.pid, "SIGTERM");
  consoleProcess.once("exit", (code, signal) => {
    release();
    if (stopping) return;
    process.stderr.write(`The console has ended by itself (${signal ?? `code ${code}`}); its last lines are above.\n`);
    void stop(1);
  });
}

async function waitUntilHealthy(url) {
  const until = Date.now() + readyWithinMs;
  while (Date.now() < until && !stopping) {
    const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) }).catch(() => null);
    if (answer?.status === 200) return;
    await sleep(100);
  }
  if (stopping) await stopping;
  throw new SetupError(`The console does not answer at ${url}.`, `Its build is in ${buildFolder()}; start again with LOG_LEVEL=debug to see more.`);
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => void stop(signal === "SIGINT" ? 130 : 143));

// npm can be ended in ways that do not reach us (it runs us through a shell): then one of these processes is another all at once.
const family = () => [process.ppid, parentOf(process.ppid)].join();
const ours = family();
if (process.env.npm_lifecycle_event) setInterval(() => family() !== ours && void stop(143), 1_000).unref();

main().catch(async (error) => {
  process.stderr.write(`${error instanceof SetupError ? `Cannot start: ${error.message}` : error.stack}\n`);
  await stop(1);
});
