import "server-only";
import { planRestore } from "@/app/(console)/manage-dbs/postgres/postgres.backup-plan";
import { stageRestore, sweepRestore } from "@/app/(console)/manage-dbs/postgres/postgres.backup-stage";
import { verifyArtefact } from "@/app/(console)/manage-dbs/postgres/postgres.backup-verify";
import { writeBackup } from "@/app/(console)/manage-dbs/postgres/postgres.backup-write";
import { describeArchive } from "@/app/(console)/manage-dbs/postgres/postgres.describe";
import { peekArchive } from "@/app/(console)/manage-dbs/postgres/postgres.peek";
import { dropKeptDatabase, settleSwap } from "@/app/(console)/manage-dbs/postgres/postgres.settle";
import { exchangeSwap, type AtPoint } from "@/app/(console)/manage-dbs/postgres/postgres.swap";
import type { ToolSearch } from "@/app/(console)/manage-dbs/postgres/postgres.tools";
import { Verification, type BackupEngine } from "@/backups/engine";

const nowhere: AtPoint = () => undefined;

/**
 * The backup engine of PostgreSQL: pg_dump's custom format of one snapshot. `search` says where the tools may be; it is asked at each use.
 * `at` is for tests, which stop a swap at its points.
 */
export function makePostgresBackup(search: () => ToolSearch, at: AtPoint = nowhere): BackupEngine {
  return {
    extension: ".dump",
    write: (connection, sink, context) => writeBackup({ connection, sink, context, search: search() }),
    readBackWhileWriting: (content) => Verification.safeParse(content.details["readBack"]).data ?? null,
    verify: (artefact, context) => verifyArtefact(artefact, context, search()),
    plan: (artefact, connection, target, context) => planRestore({ artefact, connection, target, context, search: search() }),
    stage: (artefact, connection, target, context) => stageRestore({ artefact, connection, target, context, search: search(), at }),
    sweep: sweepRestore,
    settle: settleSwap,
    exchange: (connection, swap, { journal, context }) => exchangeSwap(swap, { connection, journal, context, at }),
    dropKept: dropKeptDatabase,
    peek: peekArchive,
    describe: (file, context) => describeArchive(file, context, search()),
  };
}
