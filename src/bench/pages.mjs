/** First-load JavaScript of every page, gzipped, and the memory of an idle console with its databases connected. */
import { gzipSync } from "node:zlib";
import { sleep } from "../setup/processes.mjs";
import { signIn } from "../setup/verify-client.mjs";
import { fillAll } from "./bench-data.mjs";
import { mebibytes, startBench, table } from "./bench-console.mjs";

const IDLE_SECONDS = 30;
const pages = ["/sign-in", "/", "/backups", "/jobs", "/audit", "/users", "/settings/connections", "/settings/account", "/settings/limits"];
const browsers = {
  sqlite: ["tables", "tables?table=events"],
  redis: ["keys", "keys?key=app:1:item:1"],
  postgres: ["tables", "tables?schema=public&table=events"],
  mongodb: ["collections", "collections?database=bench&collection=events", "collections?database=bench&collection=events&as=table"],
};
for (const [engine, sections] of Object.entries(browsers)) {
  for (const section of ["", ...sections, "backups", "backups/schedules"]) pages.push(`/manage-dbs/${engine}/main${section && `/${section}`}`);
}
const bench = await startBench({ prepare: (urls) => fillAll(urls, ["postgres", "redis", "sqlite"]) });
try {
  const session = await signIn({ url: bench.url, email: bench.admin.email, password: bench.admin.password });
  const sizes = new Map();
  const rows = [["page", "scripts", "kB gzipped"]];
  const weigh = async (page) => {
    const html = await session.page(page);
    // Polyfills marked nomodule are not loaded by any browser that knows modules.
    const tags = [...html.matchAll(/<script[^>]+src="([^"]+)"[^>]*>/g)].filter((tag) => !/nomodule/i.test(tag[0]));
    const scripts = [...new Set(tags.map((tag) => tag[1]))];
    let total = 0;
    for (const script of scripts) {
      if (!sizes.has(script)) sizes.set(script, gzipSync(Buffer.from(await (await fetch(new URL(script, bench.url))).arrayBuffer())).length);
      total += sizes.get(script);
    }
    rows.push([page, scripts.length, (total / 1000).toFixed(1)]);
  };
  for (const page of pages) await weigh(page);
  await sleep(IDLE_SECONDS * 1000);
  const idle = bench.resident();
  // The pages of a backup need one; what it takes is not the memory of an idle console.
  for (const engine of Object.keys(browsers)) {
    const { jobId, backupId } = await session.json("POST", `/${engine}/backups`, {});
    const backup = `/manage-dbs/${engine}/main/backups/${encodeURIComponent(backupId)}`;
    for (const page of [backup, `${backup}/restore`, `/jobs/${jobId}`]) await weigh(page);
  }
  table(rows);
  process.stdout.write(`idle for ${IDLE_SECONDS} s with every database connected: ${mebibytes(idle)}\n`);
} finally {
  await bench.stop();
}
