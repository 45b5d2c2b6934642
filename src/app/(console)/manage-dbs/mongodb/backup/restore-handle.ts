import "server-only";

import { BSON } from "mongodb";

import { compareContent } from "@/app/(console)/manage-dbs/mongodb/backup/compare-content";
import type { Restore } from "@/app/(console)/manage-dbs/mongodb/backup/restore-stage";
import { keepStaged } from "@/app/(console)/manage-dbs/mongodb/backup/restore-staged";
import { swapIn } from "@/app/(console)/manage-dbs/mongodb/backup/swap";
import { toEjson } from "@/app/(console)/manage-dbs/mongodb/bson-ejson";
import { toAppError } from "@/app/(console)/manage-dbs/mongodb/mongodb.errors";
import type { Artefact, Staged } from "@/backups/engine";
import type { Connection } from "@/server/connection";
import { AppError } from "@/server/errors";

/** What the console does with a restore that stands aside, complete. */
export function stagedRestore(restore: Restore, { artefact, connection }: { artefact: Artefact; connection: Connection }): Staged {
  const { client, db, target, context, habits } = restore;
  const collections = [...restore.collections.values()];
  return {
    objects: [
      ...collections.map((entry) => ({ name: entry.name, count: entry.readBack?.count ?? 0 })),
      ...restore.views.map((view) => ({ name: view.name, count: null })),
    ],
    skipped: restore.skipped,
    async keep() {
      try {
        await restore.assertNotRestarted();
        await keepStaged({ client, db, journal: restore.journal, renameKeepsIdentity: habits.renameKeepsIdentity }, collections, restore.views);
      } catch (error) {
        await restore.discard().catch(() => context.log(`could not clear up: the restored collections are left in ${target.name}`));
        throw toAppError(error, { address: connection.address, doing: `${target.name}: keep the restored collections` });
      }
      await client.close().catch(() => undefined);
      return { place: `database ${target.name} on ${connection.address}`, connection: { url: connection.url.reveal(), database: target.name } };
    },
    async compareContent() {
      try {
        return await compareContent({ db, collections, artefact, context });
      } catch (error) {
        throw toAppError(error, { address: connection.address, doing: `${target.name}: compare the content` });
      }
    },
    swap: (journal) => swap(restore, { connection, journal }),
    discard: () => restore.discard(),
  };
}

async function swap(restore: Restore, { connection, journal }: { connection: Connection; journal: Parameters<NonNullable<Staged["swap"]>>[0] }) {
  const { client, db, target, context, habits } = restore;
  if (!target.replace) throw new AppError("INTERNAL", `${target.name} was staged as a new database, not to replace one`);
  let isJournaled = false;
  try {
    await restore.assertNotRestarted();
    const swapped = await swapIn(
      {
        client,
        db,
        jobId: context.jobId,
        address: connection.address,
        chosen: target.objects ?? null,
        restored: {
          collections: [...restore.collections.values()].map((entry) => ({ name: entry.name, aside: entry.stagedName })),
          views: restore.views.map((view) => ({ name: view.name, options: toEjson(Buffer.from(BSON.serialize(view.metadata.options))) })),
        },
        habits: { keepsIdentity: habits.renameKeepsIdentity, keepsOptions: !habits.keepsOptions || habits.renameKeepsOptions },
        signal: context.signal,
        log: (line) => context.log(line),
      },
      async (record) => {
        await journal(record);
        isJournaled = true;
      },
    );
    await client.close().catch(() => undefined);
    return swapped;
  } catch (error) {
    // Before the journal is written the console discards this restore, which needs the client; afterwards it settles with its own.
    if (isJournaled) await client.close().catch(() => undefined);
    throw toAppError(error, { address: connection.address, doing: `${target.name}: exchange the collections` });
  }
}
