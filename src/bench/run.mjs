/**
 * `npm run bench NAME`: our figure beside the plain tool's, in one run, on real servers under `.bench/`.
 * browse: first page, page at 90 %, object list with 1,000,000 items. export: CSV beside psql \copy. backups: beside pg_dump.
 * download: 6 GiB over a socket, with the console's memory watched.
 * BENCH_ITEMS changes the million, BENCH_ROW_BYTES adds so much to each row of PostgreSQL and SQLite (5,000,000 of 1,000 are 5 GB),
 * BENCH_RUNS is how often tool and console take turns, BENCH_MONGODB_URL names the MongoDB to measure (the sandbox one is slow by itself).
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { ensureToolchain, root } from "../setup/toolchain.mjs";

const names = ["browse", "export", "backups", "pages", "download"];
const name = process.argv[2] ?? "";
if (!names.includes(name)) {
  process.stderr.write(`npm run bench NAME, where NAME is one of: ${names.join(", ")}\n`);
  process.exit(2);
}
const { node, env } = await ensureToolchain();
const child = spawn(node, [join(root, "src", "bench", `${name}.mjs`), ...process.argv.slice(3)], { stdio: "inherit", env });
child.on("exit", (code) => process.exit(code ?? 1));
