/** Run as a process of its own that a test kills: a console that restores in place. The order is a file; the journal is a file beside it. */
import { createReadStream, readFileSync, statSync, writeFileSync } from "node:fs";

import { mongodbBackup } from "@/app/(console)/manage-dbs/mongodb/mongodb.backup";
import type { JobContext, ManifestContent } from "@/backups/engine";
import { Secret } from "@/server/secret";

export interface ChildOrder {
  url: string;
  database: string;
  jobId: string;
  path: string;
  manifest: ManifestContent;
  journalPath: string;
}

const order = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as ChildOrder;
const context: JobContext = {
  signal: new AbortController().signal,
  progress: () => undefined,
  log: () => undefined,
  jobId: order.jobId,
  scratchDir: "/nonexistent",
  child: () => undefined,
};
const staged = await mongodbBackup.stage(
  {
    path: order.path,
    bytes: statSync(order.path).size,
    manifest: order.manifest,
    open: (range) => createReadStream(order.path, range),
  },
  {
    id: "mongodb/child",
    engine: "mongodb",
    name: "child",
    environment: "development",
    source: "environment",
    url: new Secret(order.url),
    database: order.database,
    tlsCa: null,
    address: new URL(order.url).host,
    fingerprint: order.url,
  },
  { name: order.database, replace: true },
  context,
);
await staged.swap?.(async (record) => writeFileSync(order.journalPath, JSON.stringify(record)));
process.exit(0);
