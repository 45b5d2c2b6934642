import "server-only";
import type { Artefact } from "@/backups/engine";
import type { BackupRecord } from "./redis.backup-format";
import { readBackup, readHeader } from "./redis.backup-read";
import { asideIn, RDB_FORMAT, rdbOrigin } from "./redis.rdb-content";
import { isRdb, readRdbRecords } from "./redis.rdb-read";

/**
 * The one place where a restore, a comparison or a look inside meets the format of an artefact. Another format joins here, by
 * its first bytes; everything behind it knows records and an origin only.
 */
export interface BackupOrigin {
  product: string;
  serverVersion: string;
  /** Of the payloads; null when there is no key. */
  rdbVersion: number | null;
  /** Libraries of functions it holds. */
  libraries: string[];
  /** Logical databases with keys, for an artefact whose manifest does not count them. */
  databases: number[];
  /** All keys of one moment. */
  isSnapshot: boolean;
}

interface SourceOptions {
  signal?: AbortSignal | undefined;
  /** Bytes of the file read so far. */
  onBytes?: ((bytes: number) => void) | undefined;
}

/** A sweep after a crash has only the file. */
type Source = Pick<Artefact, "open"> & Partial<Pick<Artefact, "manifest">>;

/** All records in batches, always in the same order. The artefact was verified before. */
export async function* readRecords(source: Source, options: SourceOptions = {}): AsyncGenerator<BackupRecord[]> {
  if (await isRdb(source)) yield* readRdbRecords(source, { ...options, without: source.manifest ? asideIn(source.manifest) : [] });
  else yield* readBackup(source, { ...options, isVerified: true });
}

/** Reads the beginning only. */
export async function readOrigin(source: Source, options: Pick<SourceOptions, "signal"> = {}): Promise<BackupOrigin> {
  if (source.manifest?.format === RDB_FORMAT) return rdbOrigin(source.manifest);
  const { product, serverVersion, rdbVersion, libraries, databases } = await readHeader(source, options);
  return { product, serverVersion, rdbVersion, libraries, databases: Object.keys(databases).map(Number), isSnapshot: false };
}
