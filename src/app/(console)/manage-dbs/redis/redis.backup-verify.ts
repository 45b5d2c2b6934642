import "server-only";
import type { Artefact, JobContext, Verification } from "@/backups/engine";
import { checkBackup, countedObjects } from "./redis.backup-read";
import { PORTABLE_FORMAT } from "./redis.portable-format";
import { checkPortable } from "./redis.portable-read";
import { RDB_FORMAT } from "./redis.rdb-content";
import { verifyRdb } from "./redis.rdb-file";

/** Reads a backup of whatever format whole. @throws AppError INVALID when anything is off */
export async function verifyBackup(artefact: Artefact, context: JobContext): Promise<Verification> {
  if (artefact.manifest.format === RDB_FORMAT) return verifyRdb(artefact, context);
  context.progress({ phase: "Read back whole", bytesTotal: artefact.bytes });
  const isPortable = artefact.manifest.format === PORTABLE_FORMAT;
  const read = isPortable ? checkPortable : checkBackup;
  const { counts } = await read(artefact, { signal: context.signal, onBytes: (bytesDone) => context.progress({ bytesDone }) });
  return {
    method: `read whole: seal, every line, ${isPortable ? "the type of" : "CRC64 of"} every value, counts and SHA-256 of the lines`,
    objects: countedObjects(counts).map(({ name, count }) => ({ name, count })),
  };
}
