import "server-only";
import { createReadStream } from "node:fs";
import type { BackupEngine } from "@/backups/engine";
import { describePortable, describeScan } from "./redis.backup-describe";
import { planRestore } from "./redis.backup-plan";
import { checkBackup, countedObjects } from "./redis.backup-read";
import { sweepRestore } from "./redis.backup-remove";
import { stageRestore } from "./redis.backup-restore";
import { peekKeys } from "./redis.peek";
import { PORTABLE_FORMAT } from "./redis.portable-format";
import { checkPortable, isPortable } from "./redis.portable-read";
import { writePortable } from "./redis.portable-write";
import { FUNCTIONS_OBJECT, RDB_FORMAT } from "./redis.rdb-content";
import { describeRdb, verifyRdb } from "./redis.rdb-file";
import { peekFunctions } from "./redis.functions-restore";
import { isRdb } from "./redis.rdb-read";
import { readWhileWriting, writeSnapshotOrScan } from "./redis.snapshot-write";
import { exchangeSwap, settleSwap } from "./redis.swap";
import { dropKept } from "./redis.swap-kept";

/**
 * Redis and Valkey: the RDB as the server streams it to a replica (a snapshot), else DUMP payloads key by key as JSON lines, gzip;
 * where it is asked for, typed values as JSON lines instead (portable), which go to every version and fork. Restores into empty logical databases, and by SWAPDB in the place of live ones.
 */
export const redisBackup: BackupEngine = {
  extension: ".jsonl.gz",
  extensions: { [RDB_FORMAT]: ".rdb", [PORTABLE_FORMAT]: ".portable.jsonl.gz" },
  formats: [PORTABLE_FORMAT],
  write: (connection, sink, context, format) =>
    format === PORTABLE_FORMAT ? writePortable(connection, sink, context) : writeSnapshotOrScan(connection, sink, context),
  readBackWhileWriting: readWhileWriting,
  async verify(artefact, context) {
    if (artefact.manifest.format === RDB_FORMAT) return verifyRdb(artefact, context);
    context.progress({ phase: "Read back whole", bytesTotal: artefact.bytes });
    const isPortable = artefact.manifest.format === PORTABLE_FORMAT;
    const read = isPortable ? checkPortable : checkBackup;
    const { counts } = await read(artefact, { signal: context.signal, onBytes: (bytesDone) => context.progress({ bytesDone }) });
    return {
      method: `read whole: seal, every line, ${isPortable ? "the type of" : "CRC64 of"} every value, counts and SHA-256 of the lines`,
      objects: countedObjects(counts).map(({ name, count }) => ({ name, count })),
    };
  },
  plan: planRestore,
  stage: stageRestore,
  sweep: sweepRestore,
  settle: settleSwap,
  exchange: exchangeSwap,
  dropKept,
  async peek(artefact, object, options) {
    const isFunctions = artefact.manifest.format === RDB_FORMAT && object === FUNCTIONS_OBJECT;
    return isFunctions ? peekFunctions(artefact, options) : peekKeys(artefact, object, options);
  },
  async describe(file, context) {
    const open = (range: { start?: number; end?: number } = {}) => createReadStream(file.path, range);
    if (await isRdb({ open })) return describeRdb(file, context);
    return (await isPortable({ open })) ? describePortable(file, context) : describeScan(file, context);
  },
};
