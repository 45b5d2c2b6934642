import "server-only";
import { createReadStream } from "node:fs";
import type { BackupEngine } from "@/backups/engine";
import { describePortable, describeScan } from "./redis.backup-describe";
import { planRestore } from "./redis.backup-plan";
import { sweepRestore } from "./redis.backup-remove";
import { stageRestore } from "./redis.backup-restore";
import { verifyBackup } from "./redis.backup-verify";
import { dropInPlace, exchangeInPlace, isInPlace, settleInPlace } from "./redis.in-place";
import { peekKeys } from "./redis.peek";
import { PORTABLE_FORMAT } from "./redis.portable-format";
import { isPortable } from "./redis.portable-read";
import { writePortable } from "./redis.portable-write";
import { FUNCTIONS_OBJECT, RDB_FORMAT } from "./redis.rdb-content";
import { describeRdb } from "./redis.rdb-file";
import { peekFunctions } from "./redis.functions-restore";
import { isRdb } from "./redis.rdb-read";
import { readWhileWriting, writeSnapshotOrScan } from "./redis.snapshot-write";
import { exchangeSwap, settleSwap } from "./redis.swap";
import { dropKept } from "./redis.swap-kept";

/**
 * Redis and Valkey: the RDB as the server streams it to a replica (a snapshot), else DUMP payloads key by key as JSON lines, gzip;
 * where it is asked for, typed values as JSON lines instead (portable), which go to every version and fork. Restores into empty logical databases, and in the place of live ones by SWAPDB, or key by key where that is impossible.
 */
export const redisBackup: BackupEngine = {
  extension: ".jsonl.gz",
  extensions: { [RDB_FORMAT]: ".rdb", [PORTABLE_FORMAT]: ".portable.jsonl.gz" },
  formats: [PORTABLE_FORMAT],
  write: (connection, sink, context, format) =>
    format === PORTABLE_FORMAT ? writePortable(connection, sink, context) : writeSnapshotOrScan(connection, sink, context),
  readBackWhileWriting: readWhileWriting,
  verify: verifyBackup,
  plan: planRestore,
  stage: stageRestore,
  sweep: sweepRestore,
  settle: (connection, swap, context) => (isInPlace(swap) ? settleInPlace : settleSwap)(connection, swap, context),
  exchange: (connection, swap, steps) => (isInPlace(swap) ? exchangeInPlace : exchangeSwap)(connection, swap, steps),
  dropKept: (connection, swap, context) => (isInPlace(swap) ? dropInPlace(swap, context) : dropKept(connection, swap, context)),
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
