import "server-only";
import type { BackupEngine } from "@/backups/engine";
import { planRestore } from "./redis.backup-plan";
import { checkBackup, countedObjects } from "./redis.backup-read";
import { sweepRestore } from "./redis.backup-remove";
import { stageRestore } from "./redis.backup-restore";
import { writeBackup } from "./redis.backup-write";
import { exchangeSwap, settleSwap } from "./redis.swap";
import { dropKept } from "./redis.swap-kept";

/** Redis and Valkey in scan mode: DUMP payloads as JSON lines, gzip. Restores into empty logical databases, and by SWAPDB in the place of live ones. */
export const redisBackup: BackupEngine = {
  extension: ".jsonl.gz",
  write: writeBackup,
  async verify(artefact, context) {
    context.progress({ phase: "Read back whole", bytesTotal: artefact.bytes });
    const { counts } = await checkBackup(artefact, { signal: context.signal, onBytes: (bytesDone) => context.progress({ bytesDone }) });
    return {
      method: "read whole: seal, every line, CRC64 of every value, counts and SHA-256 of the lines",
      objects: countedObjects(counts).map(({ name, count }) => ({ name, count })),
    };
  },
  plan: planRestore,
  stage: stageRestore,
  sweep: sweepRestore,
  settle: settleSwap,
  exchange: exchangeSwap,
  dropKept,
};
