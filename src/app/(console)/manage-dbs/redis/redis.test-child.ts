/** A console of its own for tests: it restores in the place of live data and dies by SIGKILL at a point. Its argument is a file with ChildOrder as JSON. */
import { readFileSync, writeFileSync } from "node:fs";
import type { ManifestContent } from "@/backups/engine";
import { testConnection } from "@/test/connections";
import { POINTS } from "./redis.swap-points";
import { artefactAt } from "./redis.test-artefact";
import { runAll, type SwapRow } from "./redis.test-console";

export interface ChildOrder {
  url: string;
  path: string;
  manifest: ManifestContent;
  row: SwapRow;
  /** Where the row is written to. */
  journal: string;
  /** The number of the point, from 0. */
  dieAt: number;
}

const order = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as ChildOrder;
let count = 0;
POINTS.reached = async () => {
  if (count++ === order.dieAt) process.kill(process.pid, "SIGKILL");
};
const save = (): void => writeFileSync(order.journal, JSON.stringify(order.row));
await runAll({
  connection: testConnection("redis", order.url, { name: "child" }),
  artefact: await artefactAt(order.path, order.manifest),
  row: order.row,
  save,
});
