import "server-only";
/** Bytes a table takes with its indexes, from dbstat. That walks every page, so a large file is measured beside and kept until it changes. */
import { statSync } from "node:fs";
import type { Connection } from "@/server/connection";
import { logger } from "@/server/logger";
import { single } from "@/server/single";
import { sqliteObjects } from "../sqlite.client";

/** Files up to this size are measured at once: about 20 ms. */
const AT_ONCE_BYTES = 32 * 1024 * 1024;
const MEASURE_TIMEOUT_MS = 60_000;

export interface TableSizes {
  total: number;
  /** Empty until the first measurement of a large file has ended. */
  byTable: ReadonlyMap<string, number>;
}

const SIZES = `
  SELECT coalesce(master.tbl_name, stat.name) AS name, sum(stat.pgsize) AS bytes
  FROM dbstat AS stat LEFT JOIN sqlite_schema AS master ON master.name = stat.name
  WHERE stat.aggregate = TRUE GROUP BY 1`;

interface Measured {
  version: string;
  byTable: ReadonlyMap<string, number>;
  running: boolean;
}

export async function tableSizes(connection: Connection, signal?: AbortSignal): Promise<TableSizes> {
  const file = statSync(connection.url.reveal());
  const version = `${file.size}|${file.mtimeMs}`;
  const cache = single("sqlite-sizes", () => new Map<string, Measured>());
  const known = cache.get(connection.id);
  if (known?.version === version) return { total: file.size, byTable: known.byTable };
  if (file.size <= AT_ONCE_BYTES) {
    const byTable = await measure(connection, signal);
    cache.set(connection.id, { version, byTable, running: false });
    return { total: file.size, byTable };
  }
  if (!known?.running) {
    cache.set(connection.id, { version: "", byTable: known?.byTable ?? new Map(), running: true });
    measure(connection, AbortSignal.timeout(MEASURE_TIMEOUT_MS)).then(
      (byTable) => cache.set(connection.id, { version, byTable, running: false }),
      (error: unknown) => {
        cache.delete(connection.id);
        logger().warn({ connection: connection.id, error }, "table sizes could not be measured");
      },
    );
  }
  return { total: file.size, byTable: known?.byTable ?? new Map() };
}

async function measure(connection: Connection, signal?: AbortSignal): Promise<ReadonlyMap<string, number>> {
  const rows = await sqliteObjects<{ name: string; bytes: number }>(connection, SIZES, [], signal);
  return new Map(rows.map((row) => [row.name, row.bytes]));
}
