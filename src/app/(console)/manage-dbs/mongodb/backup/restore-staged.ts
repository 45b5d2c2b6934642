import "server-only";

import { type Collection, type Db, type MongoClient, MongoServerError } from "mongodb";

import type { ParsedMetadata } from "@/app/(console)/manage-dbs/mongodb/archive/metadata";
import { describeCollection } from "@/app/(console)/manage-dbs/mongodb/archive/metadata";
import { stagingPrefix } from "@/app/(console)/manage-dbs/mongodb/backup/aside-names";
import { uuidOf } from "@/app/(console)/manage-dbs/mongodb/backup/backup-source";
import type { ContentSum, InsertQueue } from "@/app/(console)/manage-dbs/mongodb/backup/restore-insert";
import { createCollection, optionsOf } from "@/app/(console)/manage-dbs/mongodb/backup/restore-options";
import { attempt } from "@/app/(console)/manage-dbs/mongodb/mongodb.figures";
import { rawCommand } from "@/app/(console)/manage-dbs/mongodb/mongodb.raw";
import { AppError } from "@/server/errors";

/** A restore into a new place: everything it makes carries the job's id, or stands in its journal. */

const journalName = (jobId: string): string => `${stagingPrefix(jobId)}journal`;

export interface StagedCollection {
  name: string;
  /** Where its documents are now. */
  stagedName: string;
  /** Made under its own name at once, because this server cannot rename it whole. */
  direct: boolean;
  /** A collection that takes the documents: itself, or a time series' buckets. */
  metadata: ParsedMetadata;
  queue: InsertQueue | null;
  readBack: ContentSum | null;
  /** CRC-64 of its documents in the archive, as hexadecimal; null when it has none there. */
  checksum: string | null;
}

interface JournalEntry {
  _id: string;
  stagedName: string;
  /** Identity at the time; null where the server keeps none through a rename. */
  uuid: string | null;
  /** False until the server has said that it made it under this name for us; what has the name before that may be somebody else's. */
  made?: boolean;
}

const NAMESPACE_EXISTS = 48;
const appeared = (name: string) =>
  new AppError("CONFLICT", `${name} appeared in the target while it was restored`, { fix: "Choose a database that nobody writes to." });

/**
 * What this job may have made under other names than its own, written before it does. After a crash it is what says which
 * collections to take away.
 */
export class Journal {
  readonly name: string;
  private readonly db: Db;
  private readonly collection: Collection<JournalEntry>;

  constructor(db: Db, jobId: string) {
    this.name = journalName(jobId);
    this.db = db;
    this.collection = db.collection<JournalEntry>(this.name);
  }

  async note(entries: JournalEntry[]): Promise<void> {
    if (entries.length > 0) await this.collection.insertMany(entries);
  }

  /** Makes something under its own name at once. What somebody else has there already never stands in the journal. */
  async making(name: string, make: () => Promise<void>): Promise<void> {
    // Asked first: newer servers take a second creation with the same options for done.
    if (await optionsOf(this.db, name)) throw appeared(name);
    await this.note([{ _id: name, stagedName: name, uuid: null, made: false }]);
    const isTaken = await make().then(
      // And somebody may have been quicker since: what was made just now has nothing in it.
      async () => !(await holdsNothing(this.db, name)),
      (error: unknown) => {
        if (error instanceof MongoServerError && error.code === NAMESPACE_EXISTS) return true;
        throw error;
      },
    );
    if (isTaken) {
      await this.collection.deleteOne({ _id: name });
      throw appeared(name);
    }
    await this.collection.updateOne({ _id: name }, { $set: { made: true } });
  }

  async entries(): Promise<JournalEntry[]> {
    return this.collection.find({}).toArray();
  }

  async remove(): Promise<void> {
    await attempt(this.collection.drop());
  }
}

/** Gives staged collections their names and makes the views. @throws when any step fails; the caller then takes everything away */
export async function keepStaged(
  run: { client: MongoClient; db: Db; journal: Journal; renameKeepsIdentity: boolean },
  collections: StagedCollection[],
  views: { name: string; metadata: ParsedMetadata }[],
): Promise<void> {
  const { client, db, journal } = run;
  const toRename = collections.filter((entry) => !entry.direct);
  const identities = await identitiesOf(db);
  await journal.note(
    toRename.map((entry) => ({
      _id: entry.name,
      stagedName: entry.stagedName,
      uuid: run.renameKeepsIdentity ? (identities.get(entry.stagedName) ?? null) : null,
    })),
  );
  for (const entry of toRename) {
    await client.db("admin").command({ renameCollection: `${db.databaseName}.${entry.stagedName}`, to: `${db.databaseName}.${entry.name}`, dropTarget: false });
  }
  for (const view of views) {
    await journal.making(view.name, () => createCollection(db, view.name, view.metadata));
    if ((await optionsOf(db, view.name))?.options.has("viewOn") !== true) throw new AppError("INTERNAL", `The server did not keep the view ${view.name}`);
  }
  const now = await identitiesOf(db);
  const missing = [...collections, ...views].filter((entry) => !now.has(entry.name));
  if (missing.length > 0) throw new AppError("INTERNAL", `${missing.map((entry) => entry.name).join(", ")}: not there after the renaming`);
  await journal.remove();
}

/**
 * Takes away everything a job made: what carries its id, and what its journal names. A collection somebody else made in the
 * meantime under one of those names is known by its identity and left alone.
 */
export async function removeStaged(db: Db, jobId: string): Promise<string[]> {
  const journal = new Journal(db, jobId);
  const identities = await identitiesOf(db);
  const noted = identities.has(journal.name) ? await journal.entries() : [];
  const removed: string[] = [];
  const drop = async (name: string) => {
    await db.command({ drop: name });
    removed.push(name);
  };
  for (const entry of noted) {
    if (entry.made === false && !(await holdsNothing(db, entry._id))) continue;
    const isOurs = identities.has(entry._id) && (entry._id === entry.stagedName || !identities.has(entry.stagedName)) && sameIdentity(entry, identities);
    if (isOurs) await drop(entry._id);
  }
  for (const name of identities.keys()) if (name.startsWith(stagingPrefix(jobId)) && name !== journal.name) await drop(name);
  await journal.remove();
  return removed;
}

/** A view has no documents of its own. */
async function holdsNothing(db: Db, name: string): Promise<boolean> {
  if ((await optionsOf(db, name))?.options.has("viewOn")) return true;
  return (await db.collection(name).find({}, { limit: 1, raw: true }).toArray()).length === 0;
}

/** Where a renamed collection gets a new identity none was noted: then it cannot speak against us. */
function sameIdentity(entry: JournalEntry, identities: Map<string, string | null>): boolean {
  const now = identities.get(entry._id) ?? null;
  return entry.uuid === null || now === null || now === entry.uuid;
}

async function identitiesOf(db: Db): Promise<Map<string, string | null>> {
  const entries = (await rawCommand(db, { listCollections: 1, cursor: {} })).map(describeCollection);
  return new Map(
    entries.filter((entry) => entry.name !== "system.views" && !entry.name.startsWith("system.buckets.")).map((entry) => [entry.name, uuidOf(entry)]),
  );
}
