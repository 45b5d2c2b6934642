import "server-only";
import type { Artefact } from "@/backups/engine";
import type { BackupRecord } from "./redis.backup-format";
import { readBackup, readHeader } from "./redis.backup-read";

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

type Source = Pick<Artefact, "open">;

/** All records in batches, always in the same order. The artefact was verified before. */
export async function* readRecords(source: Source, options: SourceOptions = {}): AsyncGenerator<BackupRecord[]> {
  yield* readBackup(source, { ...options, isVerified: true });
}

/** Reads the beginning only. */
export async function readOrigin(source: Source, options: Pick<SourceOptions, "signal"> = {}): Promise<BackupOrigin> {
  const { product, serverVersion, rdbVersion, libraries, databases } = await readHeader(source, options);
  return { product, serverVersion, rdbVersion, libraries, databases: Object.keys(databases).map(Number), isSnapshot: false };
}
