/** A backup through the console, read back whole, beside plain `pg_dump -Fc` of the same database at the same level. */
import { spawnSync } from "node:child_process";
import { rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sleep } from "../setup/processes.mjs";
import { fillAll } from "./bench-data.mjs";
import { ITEMS, mebibytes, startBench, table } from "./bench-console.mjs";

const RUNS = 3;
const bench = await startBench({ prepare: (urls) => fillAll({ ...urls, mongodb: null }, ["postgres", "sqlite"]) });
try {
  const plain = [];
  const ours = [];
  for (let run = 0; run < RUNS; run += 1) {
    plain.push(dumpWithTool());
    ours.push(await backUp());
  }
  const best = (list) => list.toSorted((a, b) => a.seconds - b.seconds)[0];
  process.stdout.write(`\n${ITEMS} rows of events, best of ${RUNS}, one after the other\n`);
  table([
    ["way", "seconds", "file", "console peak"],
    ["pg_dump -Fc", best(plain).seconds.toFixed(2), mebibytes(best(plain).bytes), ""],
    ["console: dump, read back, compare", best(ours).seconds.toFixed(2), mebibytes(best(ours).bytes), mebibytes(best(ours).peak)],
  ]);
  process.stdout.write(`ratio ${(best(ours).seconds / best(plain).seconds).toFixed(2)}\n`);
} finally {
  await bench.stop();
}

function dumpWithTool() {
  const url = new URL(bench.data.postgres);
  const file = join(tmpdir(), `bench-${process.pid}.dump`);
  const started = performance.now();
  const result = spawnSync(join(bench.servers.postgres.binDir, "pg_dump"), ["-Fc", "-f", file], {
    env: {
      PATH: process.env.PATH,
      PGHOST: url.hostname,
      PGPORT: url.port,
      PGUSER: url.username,
      PGPASSWORD: decodeURIComponent(url.password),
      PGDATABASE: url.pathname.slice(1),
    },
  });
  if (result.status !== 0) throw new Error(String(result.stderr));
  const done = { seconds: (performance.now() - started) / 1000, bytes: statSync(file).size };
  rmSync(file);
  return done;
}

async function backUp() {
  bench.resetPeak();
  const { jobId } = await (await bench.api("/postgres/backups", { method: "POST", body: "{}" })).json();
  for (;;) {
    const job = await (await bench.api(`/jobs/${jobId}`)).json();
    if (job.state === "succeeded") {
      return { seconds: (Date.parse(job.endedAt) - Date.parse(job.startedAt)) / 1000, bytes: job.outcome.bytes, peak: bench.peak() };
    }
    if (job.endedAt !== null) throw new Error(JSON.stringify(job.error));
    await sleep(100);
  }
}
