/** First-load JavaScript of every page, gzipped, and the memory of an idle console with its databases connected. */
import { gzipSync } from "node:zlib";
import { sleep } from "../setup/processes.mjs";
import { signIn } from "../setup/verify-client.mjs";
import { fillAll } from "./bench-data.mjs";
import { mebibytes, startBench, table } from "./bench-console.mjs";

const IDLE_SECONDS = 30;
const pages = ["/sign-in", "/", "/backups", "/jobs", "/audit", "/users", "/settings/connections", "/settings/account", "/settings/limits"];
for (const [engine, sections] of Object.entries({ sqlite: ["tables"], redis: ["keys"], postgres: ["tables"], mongodb: ["collections"] })) {
  pages.push(...["", ...sections.map((section) => `/${section}`), "/backups"].map((section) => `/manage-dbs/${engine}/main${section}`));
}
const bench = await startBench({ prepare: (urls) => fillAll(urls, ["postgres", "redis", "sqlite"]) });
try {
  const session = await signIn({ url: bench.url, email: bench.admin.email, password: bench.admin.password });
  const sizes = new Map();
  const rows = [["page", "scripts", "kB gzipped"]];
  for (const page of pages) {
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
  }
  table(rows);
  await sleep(IDLE_SECONDS * 1000);
  process.stdout.write(`idle for ${IDLE_SECONDS} s with every database connected: ${mebibytes(bench.resident())}\n`);
} finally {
  await bench.stop();
}
