import "server-only";

import { writeBackup } from "@/app/(console)/manage-dbs/mongodb/backup/backup-write";
import { describeFile, verifyBackup } from "@/app/(console)/manage-dbs/mongodb/backup/artefact-content";
import { FORMAT_EXTENSIONS } from "@/app/(console)/manage-dbs/mongodb/backup/formats";
import { peekCollection } from "@/app/(console)/manage-dbs/mongodb/backup/peek";
import { planRestore } from "@/app/(console)/manage-dbs/mongodb/backup/restore-plan";
import { stageRestore } from "@/app/(console)/manage-dbs/mongodb/backup/restore-stage";
import { readBackWhileWriting } from "@/app/(console)/manage-dbs/mongodb/backup/read-back";
import { removeStaged } from "@/app/(console)/manage-dbs/mongodb/backup/restore-staged";
import { dropKeptSwap, exchangeSwap, settleSwap } from "@/app/(console)/manage-dbs/mongodb/backup/swap";
import { newClient } from "@/app/(console)/manage-dbs/mongodb/mongodb.client";
import { toAppError } from "@/app/(console)/manage-dbs/mongodb/mongodb.errors";
import type { BackupEngine } from "@/backups/engine";

/** MongoDB's half of the backup contract: mongodump archives, written, read and restored without any tool. */
export const mongodbBackup: BackupEngine = {
  extension: ".archive.gz",
  extensions: FORMAT_EXTENSIONS,
  write: writeBackup,
  readBackWhileWriting,
  verify: verifyBackup,
  plan: planRestore,
  stage: stageRestore,
  async sweep(connection, left) {
    // Of its own: what the screens' client holds may be from before the crash.
    const client = newClient(connection);
    try {
      await removeStaged(client.db(left.target), left.jobId);
    } catch (error) {
      throw toAppError(error, { address: connection.address, doing: `${left.target}: clear an interrupted restore` });
    } finally {
      await client.close().catch(() => undefined);
    }
  },
  settle: settleSwap,
  exchange: exchangeSwap,
  dropKept: dropKeptSwap,
  peek: peekCollection,
  describe: describeFile,
};
