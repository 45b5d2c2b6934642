/** A million PostgreSQL rows to CSV through the console, beside psql's \copy of the same table in the same run. */
import { createHash } from "node:crypto";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fillAll } from "./bench-data.mjs";
import { ITEMS, mebibytes, startBench, table } from "./bench-console.mjs";

const RUNS = 3;
const bench = await startBench({ prepare: (urls) => fillAll({ ...urls, mongodb: null }, ["postgres", "sqlite"]) });
try {
  const rows = [["way", "seconds", "rows/s", "MiB/s", "console peak"]];
  const ours = [];
  const plain = [];
  let digest = "";
  for (let run = 0; run < RUNS; run += 1) {
    plain.push(copyWithPsql());
    bench.resetPeak();
    const started = performance.now();
    const answer = await bench.api("/postgres/tables/events/export?format=csv");
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
    const hash = createHash("sha256");
    let bytes = 0;
    for await (const chunk of answer.body) {
      hash.update(chunk);
      bytes += chunk.length;
    }
    ours.push({ seconds: (performance.now() - started) / 1000, bytes, peak: bench.peak() });
    digest = hash.digest("hex");
  }
  const best = (list) => list.toSorted((a, b) => a.seconds - b.seconds)[0];
  for (const [way, result] of [
    ["psql \\copy CSV", best(plain)],
    ["console, CSV over HTTP", best(ours)],
  ]) {
    rows.push([
      way,
      result.seconds.toFixed(2),
      Math.round(ITEMS / result.seconds),
      (result.bytes / 1048576 / result.seconds).toFixed(1),
      result.peak ? mebibytes(result.peak) : "",
    ]);
  }
  process.stdout.write(`\n${ITEMS} rows of events, best of ${RUNS}, one after the other\n`);
  table(rows);
  process.stdout.write(
    `ratio of rows/s ${(best(plain).seconds / best(ours).seconds).toFixed(2)}; same bytes: ${digest === best(plain).digest ? "yes" : "no"}\n`,
  );
} finally {
  await bench.stop();
}

function copyWithPsql() {
  const url = new URL(bench.data.postgres);
  const started = performance.now();
  const result = spawnSync(
    join(bench.servers.postgres.binDir, "psql"),
    ["-X", "-q", "-c", "\\copy (SELECT * FROM events ORDER BY id) TO STDOUT (FORMAT csv, HEADER)"],
    {
      env: {
        PATH: process.env.PATH,
        PGHOST: url.hostname,
        PGPORT: url.port,
        PGUSER: url.username,
        PGPASSWORD: decodeURIComponent(url.password),
        PGDATABASE: url.pathname.slice(1),
        PGTZ: "UTC",
      },
      maxBuffer: 4 * 1024 ** 3,
    },
  );
  if (result.status !== 0) throw new Error(String(result.stderr));
  return { seconds: (performance.now() - started) / 1000, bytes: result.stdout.length, digest: createHash("sha256").update(result.stdout).digest("hex") };
}
