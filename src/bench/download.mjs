/**
 * A big backup over a real socket: the console's memory while it goes out whole, while a client takes it up again, and while one that hardly
 * reads holds it open and backups run beside. The file is sparse, so the disk needs no room for it. BENCH_GIB changes the six.
 */
import { createHash } from "node:crypto";
import { mkdirSync, rmSync, truncateSync } from "node:fs";
import { get } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { seed } from "../setup/seed/seed-sqlite.mjs";
import { ensureBuild } from "../setup/build.mjs";
import { ensureToolchain, root } from "../setup/toolchain.mjs";
import { mebibytes, startConsole, table } from "./bench-console.mjs";

const BYTES = Number(process.env.BENCH_GIB ?? 6) * 2 ** 30;
const SLOW_MIB_PER_SECOND = 1;
const SLOW_SECONDS = 20;
const directory = join(root, ".bench");
const sqlite = join(directory, "download.sqlite");

mkdirSync(directory, { recursive: true });
rmSync(sqlite, { force: true });
await seed(sqlite);
const toolchain = await ensureToolchain();
await ensureBuild(toolchain);
const bench = await startConsole(toolchain, { sqlite });
try {
  const big = await backUp();
  const { fileName } = await read(`/sqlite/backups/${big.id}`);
  truncateSync(join(bench.dataDirectory, "backups", fileName), BYTES);
  const idle = bench.resident();
  const rows = [["download", "seconds", "MiB/s", "console peak"]];
  const show = (name, { seconds, bytes }, peak) =>
    rows.push([name, seconds.toFixed(1), (bytes / 2 ** 20 / seconds).toFixed(0), `${mebibytes(peak)} (+${mebibytes(peak - idle)})`]);

  bench.resetPeak();
  const whole = await download(big.id);
  show("whole", whole, bench.peak());

  bench.resetPeak();
  const half = Math.floor(BYTES / 2) + 12_345;
  const hash = createHash("sha256");
  const first = await download(big.id, { range: `bytes=0-${half - 1}`, hash });
  const second = await download(big.id, { range: `bytes=${half}-`, hash });
  show("in two pieces", { seconds: first.seconds + second.seconds, bytes: first.bytes + second.bytes }, bench.peak());

  const alone = [];
  while (alone.length < 5) alone.push((await backUp()).seconds);
  bench.resetPeak();
  const slow = await openSlowly(big.id);
  const beside = [];
  for (const end = performance.now() + SLOW_SECONDS * 1000; performance.now() < end;) beside.push((await backUp()).seconds);
  show(`by a client of ${SLOW_MIB_PER_SECOND} MiB/s, with backups beside`, slow.stop(), bench.peak());

  process.stdout.write(`\n${mebibytes(BYTES)}, the console has ${mebibytes(idle)} when idle\n`);
  table(rows);
  process.stdout.write(
    `whole: ${whole.bytes === BYTES ? "yes" : `no, ${whole.bytes} bytes`}; in two pieces the same SHA-256: ${hash.digest("hex") === whole.digest ? "yes" : "no"}\n`,
  );
  const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)].toFixed(2);
  process.stdout.write(`a backup takes ${median(alone)} s alone, ${median(beside)} s beside the slow client (median of ${beside.length})\n`);
} finally {
  await bench.stop();
  rmSync(join(directory, "console"), { recursive: true, force: true });
}

async function read(path, init) {
  const answer = await bench.api(path, init);
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

/** A backup of the small database, from the request to its end. */
async function backUp() {
  const started = performance.now();
  const { jobId, backupId } = await read("/sqlite/backups", { method: "POST", body: "{}" });
  for (;;) {
    const { state, error } = await read(`/jobs/${jobId}`);
    if (state === "succeeded") return { id: backupId, seconds: (performance.now() - started) / 1000 };
    if (state === "failed") throw new Error(JSON.stringify(error));
    await sleep(20);
  }
}

/** @param {{range?: string, hash?: import("node:crypto").Hash}} options */
async function download(id, { range, hash } = {}) {
  const own = createHash("sha256");
  const started = performance.now();
  const answer = await bench.api(`/sqlite/backups/${id}/download`, range ? { headers: { range } } : {});
  if (answer.status !== (range ? 206 : 200)) throw new Error(`${answer.status} ${await answer.text()}`);
  let bytes = 0;
  for await (const chunk of answer.body) {
    (hash ?? own).update(chunk);
    bytes += chunk.length;
  }
  return { seconds: (performance.now() - started) / 1000, bytes, digest: hash ? "" : own.digest("hex") };
}

/** Reads a MiB a second and leaves the rest where it is. */
async function openSlowly(id) {
  const ticket = await bench.api(`/sqlite/backups/${id}/download`, { redirect: "manual" });
  const url = new URL(ticket.headers.get("location"), bench.url);
  const response = await new Promise((resolve, reject) => get(url, { headers: { authorization: `Bearer ${bench.token}` } }, resolve).on("error", reject));
  if (response.statusCode !== 200) throw new Error(`the slow client is answered ${response.statusCode}`);
  const started = performance.now();
  let bytes = 0;
  response.on("data", (chunk) => {
    bytes += chunk.length;
    response.pause();
    setTimeout(() => response.resume(), (chunk.length / 2 ** 20 / SLOW_MIB_PER_SECOND) * 1000);
  });
  response.on("error", () => undefined);
  return {
    stop() {
      response.destroy();
      return { seconds: (performance.now() - started) / 1000, bytes };
    },
  };
}
