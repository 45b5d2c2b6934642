/**
 * What every command needs first: Node 24 and the packages of package-lock.json. Plain Node >= 20, nothing installed.
 * The second time it only compares a hash.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { commandLineOf, isAlive, lastLines, run, sleep } from "./processes.mjs";
import { SetupError, step } from "./progress.mjs";

export const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/[/\\]$/, "");
export const tools = join(root, ".tools");

const nodeMajor = 24;
const nodeVersion = "24.21.0";

/**
 * @returns {Promise<{node: string, env: NodeJS.ProcessEnv}>} node: path of a Node 24 or later. env: this environment with that node
 * and the packages' commands first on PATH.
 */
export async function ensureToolchain() {
  if (Number.parseInt(process.versions.node, 10) < 20) {
    throw new SetupError(`Node ${process.versions.node} is too old.`, "Install Node 20 or later from https://nodejs.org and run this again.");
  }
  return withLock(async () => {
    const node = await ensureNode();
    const path = [dirname(node), join(root, "node_modules", ".bin"), process.env.PATH ?? ""].join(delimiter);
    const env = { ...process.env, PATH: path, NEXT_TELEMETRY_DISABLED: "1" };
    await ensurePackages(env);
    return { node, env };
  });
}

async function ensureNode() {
  if (Number.parseInt(process.versions.node, 10) >= nodeMajor) return process.execPath;
  const platform = process.platform === "win32" ? "win" : process.platform;
  const name = `node-${platform}-${process.arch}`;
  const folder = join(tools, "node");
  const file = join(folder, "node_modules", name, "bin", process.platform === "win32" ? "node.exe" : "node");
  if (await reports(file, `v${nodeVersion}`)) return file;
  await step(
    { subject: "Node", doing: `fetching Node ${nodeVersion} (this is ${process.versions.node})`, done: `${nodeVersion} is in .tools/node` },
    async () => {
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder, { recursive: true });
      const { code, output } = await npm(
        ["install", "--prefix", folder, "--no-save", "--no-package-lock", "--ignore-scripts", `${name}@${nodeVersion}`],
        process.env,
        300_000,
      );
      if (code !== 0 || !(await reports(file, `v${nodeVersion}`))) {
        throw new SetupError(
          `Node ${nodeVersion} cannot be fetched (npm: ${npmReason(output)}).`,
          "Install Node 24 from https://nodejs.org, or make the npm registry reachable, and run this again.",
        );
      }
    },
  );
  return file;
}

async function reports(file, version) {
  if (!existsSync(file)) return false;
  const { output } = await run(file, ["--version"], { timeoutMs: 20_000 });
  return output.trim() === version;
}

async function ensurePackages(env) {
  const lock = readFileSync(join(root, "package-lock.json"));
  const wanted = createHash("sha256").update(lock).update(`${process.platform}-${process.arch}`).digest("hex");
  const stamp = join(root, "node_modules", ".stamp");
  if (existsSync(stamp) && readFileSync(stamp, "utf8").trim() === wanted) return;
  const count = Object.keys(JSON.parse(lock.toString("utf8")).packages).length;
  await step({ subject: "Packages", doing: `installing up to ${count} packages (one to three minutes)`, done: "installed" }, async () => {
    const { code, output, timedOut } = await npm(["ci", "--include=dev", "--ignore-scripts", "--no-audit", "--no-fund"], env, 1_200_000);
    if (code !== 0) {
      const reason = timedOut ? "no end after 20 minutes" : npmReason(output);
      throw new SetupError(`The packages cannot be installed (npm ci: ${reason}).`, "Make the npm registry reachable and run this again.");
    }
    writeFileSync(stamp, `${wanted}\n`);
  });
}

function npm(args, env, timeoutMs) {
  const script = process.env.npm_execpath;
  const settings = { cwd: root, env: { ...env, npm_config_update_notifier: "false" }, timeoutMs };
  // The npm that runs us, when one does: the one on PATH may be another. `#!/usr/bin/env node` would do as well, but not on Windows.
  if (script?.endsWith(".js") && existsSync(script)) return run(process.execPath, [script, ...args], settings);
  return process.platform === "win32" ? run("cmd.exe", ["/c", "npm", ...args], settings) : run("npm", args, settings);
}

function npmReason(output) {
  const errors = output.split("\n").filter((line) => /npm (error|ERR!)/.test(line) && !/complete log|A complete log/.test(line));
  const plain = (errors.length > 0 ? errors.slice(0, 3).join("; ") : lastLines(output, 2)).replace(/npm (error|ERR!)\s*/g, "").trim();
  return plain === "" ? "no answer" : plain.replaceAll("\n", " ");
}

function isAbandoned(file) {
  try {
    const holder = Number.parseInt(readFileSync(file, "utf8"), 10);
    if (Number.isInteger(holder)) return !isAlive(holder) || !/node/.test(commandLineOf(holder));
    return Date.now() - statSync(file).mtimeMs > 10_000;
  } catch {
    return false;
  }
}

/** Two commands started at once in one checkout install one after the other. */
async function withLock(work) {
  mkdirSync(tools, { recursive: true });
  const file = join(tools, "install.lock");
  for (;;) {
    try {
      writeFileSync(file, `${process.pid}\n`, { flag: "wx" });
      break;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    if (isAbandoned(file)) rmSync(file, { force: true });
    else await sleep(300);
  }
  const release = () => rmSync(file, { force: true });
  process.once("exit", release);
  try {
    return await work();
  } finally {
    process.removeListener("exit", release);
    release();
  }
}
