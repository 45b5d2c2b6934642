import "server-only";
import type { Artefact } from "@/backups/engine";
import type { BackupRecord } from "./redis.backup-format";
import type { AnyRecord } from "./redis.backup-record";
import { readBackup, readHeader } from "./redis.backup-read";
import { PORTABLE_FORMAT } from "./redis.portable-format";
import { isPortable, readPortable } from "./redis.portable-read";
import { portableOrigin } from "./redis.portable-plan";
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
  /** Restored by plain commands: no version of a payload to mind. */
  isPortable: boolean;
}

interface SourceOptions {
  signal?: AbortSignal | undefined;
  /** Bytes of the file read so far. */
  onBytes?: ((bytes: number) => void) | undefined;
}

/** A sweep after a crash has only the file. */
type Source = Pick<Artefact, "open"> & Partial<Pick<Artefact, "manifest">>;

/** All keys in batches, always in the same order; of a portable backup big ones in parts. The artefact was verified before. */
export async function* readKeyRecords(source: Source, options: SourceOptions = {}): AsyncGenerator<AnyRecord[]> {
  if (await isPortableSource(source)) yield* readPortable(source, options);
  else yield* readRecords(source, options);
}

async function isPortableSource(source: Source): Promise<boolean> {
  if (source.manifest) return source.manifest.format === PORTABLE_FORMAT;
  return !(await isRdb(source)) && (await isPortable(source));
}

/** The same of a backup with payloads. */
export async function* readRecords(source: Source, options: SourceOptions = {}): AsyncGenerator<BackupRecord[]> {
  if (await isRdb(source)) yield* readRdbRecords(source, { ...options, without: source.manifest ? asideIn(source.manifest) : [] });
  else yield* readBackup(source, { ...options, isVerified: true });
}

/** Reads the beginning only. */
export async function readOrigin(source: Source, options: Pick<SourceOptions, "signal"> = {}): Promise<BackupOrigin> {
  if (source.manifest?.format === RDB_FORMAT) return rdbOrigin(source.manifest);
  if (source.manifest?.format === PORTABLE_FORMAT) return portableOrigin(source.manifest);
  const { product, serverVersion, rdbVersion, libraries, databases } = await readHeader(source, options);
  return { product, serverVersion, rdbVersion, libraries, databases: Object.keys(databases).map(Number), isSnapshot: false, isPortable: false };
}
