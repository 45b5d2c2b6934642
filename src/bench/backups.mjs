/**
 * Backup and restore through the console beside the engines' own tools, one after the other in one run: wall time and peak memory of both.
 * `npm run bench backups [engine ...]`; BENCH_MONGODB_URL names the MongoDB to measure (the sandbox one is slow by itself).
 */
import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildMongoTools } from "../setup/mongo-tools.mjs";
import { sleep } from "../setup/processes.mjs";
import { root } from "../setup/toolchain.mjs";
import { ITEMS, mebibytes, peakBytes, ROW_BYTES, startBench, table } from "./bench-console.mjs";
import { fillAll } from "./bench-data.mjs";

const RUNS = Number(process.env.BENCH_RUNS ?? 3);
const named = process.argv.slice(2);
const engines = named.length > 0 ? named : ["postgres", "sqlite", "redis", "mongodb"];
const file = join(tmpdir(), `bench-${process.pid}.artefact`);
const target = `bench_restored_${process.pid}`;

const bench = await startBench({ mongodbUrl: process.env.BENCH_MONGODB_URL, prepare: (urls) => fillAll(urls, engines) });
try {
  const rows = [["", "tool", "console", "ratio", "tool peak", "console peak", "file"]];
  for (const engine of engines) rows.push(...(await measure(engine)));
  process.stdout.write(`\n${ITEMS} items${ROW_BYTES > 0 ? ` (rows of ${ROW_BYTES} bytes and more)` : ""}, best of ${RUNS}, tool and console in turns\n`);
  table(rows);
} finally {
  rmSync(file, { force: true });
  await bench.stop();
}

async function measure(engine) {
  const tool = tools()[engine];
  const plain = { backup: [], restore: [] };
  const ours = { backup: [], restore: [] };
  for (let run = 0; run < RUNS; run += 1) {
    rmSync(file, { force: true });
    if (tool.backup) plain.backup.push(await timed(tool.backup));
    const backup = await job(`/${engine}/backups`, {});
    ours.backup.push(backup);
    if (tool.restore) plain.restore.push(await timed(tool.restore));
    await tool.clear();
    const restored = await job(`/${engine}/backups/${backup.backupId}/restore`, { target: tool.target, confirm: tool.target });
    ours.restore.push(restored);
    if (restored.open !== "main") await bench.api("/connections/remove", { method: "POST", body: JSON.stringify({ id: `${engine}/${restored.open}` }) });
    await tool.clearOurs();
  }
  return [line(`${engine} backup, ${tool.backupName}`, plain.backup, ours.backup), line(`${engine} restore, ${tool.restoreName}`, plain.restore, ours.restore)];
}

function best(list) {
  return list.toSorted((a, b) => a.seconds - b.seconds)[0];
}

function line(name, plain, ours) {
  const [theirs, mine] = [best(plain), best(ours)];
  const seconds = (run) => (run ? `${run.seconds.toFixed(2)} s` : "none");
  return [
    name,
    seconds(theirs),
    seconds(mine),
    theirs ? (mine.seconds / theirs.seconds).toFixed(2) : "",
    theirs ? mebibytes(Math.max(...plain.map(({ peak }) => peak))) : "",
    mebibytes(Math.max(...ours.map(({ peak }) => peak))),
    mine.bytes ? mebibytes(mine.bytes) : "",
  ];
}

/** @param run answers the peak of what it ran, in bytes */
async function timed(run) {
  const started = performance.now();
  const peak = await run();
  return { seconds: (performance.now() - started) / 1000, peak };
}

/** Runs a tool to its end. @returns its peak in bytes. @throws Error with what it said */
async function call(command, args, { env = {} } = {}) {
  const child = spawn(command, args, { env: { PATH: process.env.PATH, ...env }, stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text) => (said += text));
  let peak = 0;
  const watch = setInterval(() => (peak = Math.max(peak, peakBytes(child.pid))), 20);
  const code = await new Promise((resolve, reject) => void child.on("error", reject).on("close", resolve)).finally(() => clearInterval(watch));
  if (code !== 0) throw new Error(`${command}: ${said}`);
  return peak;
}

/** Starts a job of the console and waits for its end. Seconds are the job's own, from its first step to its last. */
async function job(path, body) {
  bench.resetPeak();
  const started = await (await bench.api(path, { method: "POST", body: JSON.stringify(body) })).json();
  if (!started.jobId) throw new Error(JSON.stringify(started));
  for (;;) {
    const state = await (await bench.api(`/jobs/${started.jobId}`)).json();
    if (state.state === "succeeded") {
      const seconds = (Date.parse(state.endedAt) - Date.parse(state.startedAt)) / 1000;
      return { seconds, bytes: state.outcome.bytes, peak: bench.peak(), backupId: started.backupId, open: state.outcome.openConnection };
    }
    if (state.endedAt !== null) throw new Error(JSON.stringify(state.error));
    await sleep(100);
  }
}

function tools() {
  const { data, servers } = bench;
  return { postgres: postgres(), sqlite: sqlite(), redis: redis(), mongodb: mongodb() };

  function postgres() {
    const url = new URL(data.postgres);
    const env = { PGHOST: url.hostname, PGPORT: url.port, PGUSER: url.username, PGPASSWORD: decodeURIComponent(url.password) };
    const run = (name, ...args) => call(join(servers.postgres.binDir, name), args, { env });
    const drop = () => run("psql", "-qX", "-d", "postgres", "-c", `DROP DATABASE IF EXISTS ${target}`);
    return {
      backupName: "pg_dump -Fc",
      restoreName: "pg_restore",
      target,
      backup: () => run("pg_dump", "-Fc", "-f", file, url.pathname.slice(1)),
      async restore() {
        await run("psql", "-qX", "-d", "postgres", "-c", `CREATE DATABASE ${target} TEMPLATE template0`);
        return run("pg_restore", "--exit-on-error", "-d", target, file);
      },
      clear: drop,
      clearOurs: () => run("psql", "-qX", "-d", "postgres", "-c", `DROP DATABASE IF EXISTS ${target} WITH (FORCE)`),
    };
  }

  function sqlite() {
    const restored = join(tmpdir(), `${target}.sqlite`);
    return {
      backupName: "sqlite3 .backup",
      restoreName: "sqlite3 .restore",
      target: `${target}.sqlite`,
      backup: () => call("sqlite3", [data.sqlite, `.backup '${file}'`]),
      restore: () => call("sqlite3", [restored, `.restore '${file}'`]),
      clear: () => rmSync(restored, { force: true }),
      async clearOurs() {
        rmSync(join(data.sqlite, "..", `${target}.sqlite`), { force: true });
      },
    };
  }

  function redis() {
    const url = new URL(data.redis);
    const cli = (...args) => call("redis-cli", ["-h", url.hostname, "-p", url.port, ...args], { env: { REDISCLI_AUTH: decodeURIComponent(url.password) } });
    return {
      backupName: "redis-cli --rdb",
      restoreName: "no tool restores into a running server",
      target: "15",
      backup: () => cli("--rdb", file),
      restore: null,
      clear: () => undefined,
      clearOurs: () => cli("-n", "15", "FLUSHDB"),
    };
  }

  function mongodb() {
    const built = engines.includes("mongodb") ? buildMongoTools(root) : { reason: "" };
    const run = (name, ...args) => call(join(built.directory, name), ["--quiet", `--uri=${data.mongodb}`, ...args]);
    const drop = async (name) => {
      const { MongoClient } = await import("mongodb");
      const client = await MongoClient.connect(data.mongodb);
      await client.db(name).dropDatabase();
      await client.close();
    };
    const hasTools = "directory" in built;
    return {
      backupName: "mongodump --gzip --archive",
      restoreName: "mongorestore",
      target,
      backup: hasTools ? () => run("mongodump", "--db=bench", "--gzip", `--archive=${file}`) : null,
      restore: hasTools ? () => run("mongorestore", "--gzip", `--archive=${file}`, "--nsFrom=bench.*", `--nsTo=${target}_tool.*`) : null,
      clear: () => drop(`${target}_tool`),
      clearOurs: () => drop(target),
    };
  }
}
