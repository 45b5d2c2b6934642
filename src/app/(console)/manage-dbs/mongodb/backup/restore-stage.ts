import "server-only";

import type { Db, MongoClient } from "mongodb";

import type { ArchiveCollection } from "@/app/(console)/manage-dbs/mongodb/archive/archive-format";
import { parseMetadata, type ParsedMetadata } from "@/app/(console)/manage-dbs/mongodb/archive/metadata";
import { asideName, stagingPrefix } from "@/app/(console)/manage-dbs/mongodb/backup/aside-names";
import { type DocumentPlace, readAll, serverKind, type ServerKind, versionAtLeast } from "@/app/(console)/manage-dbs/mongodb/backup/backup-source";
import { type ArchiveScope, asDamage, objectName, openArchive, scopeOf } from "@/app/(console)/manage-dbs/mongodb/backup/artefact-events";
import { ContentSum, InsertQueue } from "@/app/(console)/manage-dbs/mongodb/backup/restore-insert";
import {
  buildIndexes,
  createCollection,
  optionsLost,
  optionsOf,
  probeHabits,
  type ServerHabits,
} from "@/app/(console)/manage-dbs/mongodb/backup/restore-options";
import { assertTargetName } from "@/app/(console)/manage-dbs/mongodb/backup/restore-plan";
import { stagedRestore } from "@/app/(console)/manage-dbs/mongodb/backup/restore-handle";
import { Journal, removeStaged, type StagedCollection } from "@/app/(console)/manage-dbs/mongodb/backup/restore-staged";
import { assertSameProcess, processOf, type ServerProcess } from "@/app/(console)/manage-dbs/mongodb/backup/same-server";
import { assertReplaces } from "@/app/(console)/manage-dbs/mongodb/backup/swap-plan";
import { newClient } from "@/app/(console)/manage-dbs/mongodb/mongodb.client";
import { batchSizeFor } from "@/app/(console)/manage-dbs/mongodb/mongodb.raw";
import { toAppError } from "@/app/(console)/manage-dbs/mongodb/mongodb.errors";
import type { Artefact, JobContext, RestoreTarget, Staged } from "@/backups/engine";
import { formatCount } from "@/lib/format";
import type { Connection } from "@/server/connection";
import { AppError, throwIfCancelled } from "@/server/errors";

/**
 * Restores an archive under names that carry the job's id: into a database that has nothing in it, or aside in the one whose collections it is to
 * replace. On failure nothing is left.
 */
export async function stageRestore(artefact: Artefact, connection: Connection, target: RestoreTarget, context: JobContext): Promise<Staged> {
  if (target.replace) assertReplaces(connection, target.name);
  else assertTargetName(target.name);
  const client = newClient(connection);
  const restore = new Restore({ client, target, context });
  try {
    await restore.load(artefact);
    return stagedRestore(restore, { artefact, connection });
  } catch (error) {
    await restore.discard().catch((cause: unknown) => {
      // A CONFLICT is shown also when the job was cancelled: somebody must remove them.
      throw new AppError("CONFLICT", `The restore did not succeed, and what it had put into ${target.name} could not be removed`, {
        fix: `When the server is back, drop the collections named ${stagingPrefix(context.jobId)}… there.`,
        detail: [error, cause].map((one) => (one instanceof Error ? one.message : String(one))).join("; "),
        cause,
      });
    });
    const known = asDamage(error, context.signal);
    throw toAppError(known, { address: connection.address, doing: `${target.name}: restore` });
  }
}

export class Restore {
  readonly client: MongoClient;
  readonly db: Db;
  readonly target: RestoreTarget;
  readonly context: JobContext;
  readonly journal: Journal;
  readonly collections = new Map<string, StagedCollection>();
  readonly views: { name: string; metadata: ParsedMetadata }[] = [];
  readonly skipped: { name: string; count: number; reason: string }[] = [];
  habits: ServerHabits = { keepsOptions: false, renameKeepsOptions: false, renameKeepsIdentity: false, renamesDots: false };
  private readonly chosen: ReadonlySet<string> | null;
  /** Of the archive, and not to be restored: documents that pass are counted. */
  private readonly leftOut = new Map<string, number>();
  private server: ServerKind | null = null;
  private process: ServerProcess | null = null;
  private scope: ArchiveScope | null = null;
  private documents = 0;
  /** Nothing was sent yet that could have to be taken away. */
  private isUntouched = true;

  constructor(run: { client: MongoClient; target: RestoreTarget; context: JobContext }) {
    this.client = run.client;
    this.target = run.target;
    this.context = run.context;
    this.db = run.client.db(run.target.name);
    this.journal = new Journal(this.db, run.context.jobId);
    this.chosen = run.target.objects ? new Set(run.target.objects) : null;
  }

  async load(artefact: Artefact): Promise<void> {
    if (!this.target.replace) await this.assertEmpty();
    this.server = await serverKind(this.client);
    this.process = await processOf(this.client, this.server);
    const total = artefact.manifest.objects.reduce((sum, object) => sum + (this.isChosen(object.name) ? (object.count ?? 0) : 0), 0);
    this.context.progress({ itemsDone: 0, itemsTotal: total });
    for await (const event of openArchive(artefact, this.context)) {
      throwIfCancelled(this.context.signal);
      if (event.kind === "prelude") await this.create(event.collections);
      else if (!this.scope?.isOwn(event)) continue;
      else if (event.kind === "documents") await this.insert(event.collection, event.documents);
      else await this.finish(event);
    }
    for (const [name, count] of this.leftOut) this.skip(name, "a collection of the server's own, which a restore in place leaves as it is", count);
    await this.indexes();
    await this.readBack();
  }

  private async assertEmpty(): Promise<void> {
    const names = (await this.db.listCollections({}, { nameOnly: true }).toArray()).map((entry) => entry.name);
    if (names.length === 0) return;
    throw new AppError("CONFLICT", `The database ${this.db.databaseName} is not empty: it has ${names.slice(0, 3).join(", ")}`, {
      fix: "Choose a name that is free.",
    });
  }

  private isChosen(name: string): boolean {
    return this.chosen === null || this.chosen.has(name);
  }

  private async create(listed: ArchiveCollection[]): Promise<void> {
    const scope = scopeOf(listed);
    this.scope = scope;
    const parsed = listed
      .filter((entry) => scope.isOwn(entry) && this.isChosen(entry.collection))
      .map((entry) => ({ name: entry.collection, metadata: parseMetadata(entry) }));
    this.isUntouched = false;
    this.habits = await probeHabits(this.db, stagingPrefix(this.context.jobId));
    const plain = parsed.filter((entry) => entry.metadata.kind !== "view");
    for (const [position, entry] of plain.entries()) {
      if (this.target.replace && entry.name.startsWith("system.")) this.leftOut.set(entry.name, 0);
      else await this.createOne(entry, position);
    }
    for (const view of parsed.filter((entry) => entry.metadata.kind === "view")) {
      if (this.habits.keepsOptions) this.views.push(view);
      else this.skip(view.name, "this server does not keep views");
    }
  }

  private async createOne(entry: { name: string; metadata: ParsedMetadata }, position: number): Promise<void> {
    const { name, metadata } = entry;
    if (this.target.replace) this.assertReplaceable(name, metadata);
    const direct = !this.target.replace && !this.canRename(name, metadata);
    const made = direct ? name : asideName(stagingPrefix(this.context.jobId), { database: this.db.databaseName, name, position });
    const make = () => createCollection(this.db, made, metadata);
    await (direct ? this.journal.making(name, make) : make());
    const lost = optionsLost(metadata.options, (await optionsOf(this.db, made))?.options ?? new Map());
    if (lost.length > 0) this.skip(name, `this server does not keep: ${lost.join(", ")}`);
    this.collections.set(name, { name, stagedName: made, direct, metadata, queue: null, readBack: null, checksum: null });
  }

  /** No server renames a time series or to a system name; some lose a collection's options on the way, some stumble over dots. */
  private canRename(name: string, metadata: ParsedMetadata): boolean {
    const { keepsOptions, renameKeepsOptions, renamesDots } = this.habits;
    if (name.startsWith("system.") || (name.includes(".") && !renamesDots)) return false;
    if (!keepsOptions) return true;
    return metadata.kind !== "timeseries" && (metadata.options.size === 0 || renameKeepsOptions);
  }

  /** @throws AppError UNSUPPORTED before anything is made of it; the plan has said so */
  private assertReplaceable(name: string, metadata: ParsedMetadata): void {
    const isSeries = metadata.kind === "timeseries" && this.habits.keepsOptions && this.habits.renameKeepsOptions;
    const isDotted = name.includes(".") && !this.habits.renamesDots;
    if (!isSeries && !isDotted) return;
    throw new AppError("UNSUPPORTED", `${name}: this server cannot rename ${isSeries ? "a time series" : "a name with dots"}, so it cannot be exchanged`, {
      fix: "Restore into a new database, or choose the other collections.",
    });
  }

  private skip(name: string, reason: string, count = 0): void {
    this.skipped.push({ name, count, reason });
    this.context.log(`${name}: ${reason}`);
  }

  private async insert(namespace: string, documents: Buffer[]): Promise<void> {
    const name = objectName(namespace);
    if (!this.isChosen(name)) return;
    const passed = this.leftOut.get(name);
    if (passed !== undefined) return void this.leftOut.set(name, passed + documents.length);
    const entry = this.collections.get(name);
    if (!entry)
      throw new AppError("UNSUPPORTED", `The archive holds ${namespace}, which is no collection of a database`, { fix: "Restore it with mongorestore." });
    if (!entry.queue) {
      entry.queue = new InsertQueue(this.db, this.placeFor(entry, namespace), entry.metadata);
      this.context.progress({ object: name });
    }
    await entry.queue.add(documents);
    this.documents += documents.length;
    this.context.progress({ itemsDone: this.documents });
  }

  private async finish(end: { collection: string; crc: string; count: number }): Promise<void> {
    const entry = this.collections.get(objectName(end.collection));
    if (!entry) return;
    await entry.queue?.finish();
    // Of a time series that has two namespaces only the one with documents counts.
    if (entry.checksum === null || end.count > 0) entry.checksum = end.crc;
  }

  /** Buckets go where the server keeps them; newer servers take them under the series' own name. */
  private placeFor(entry: StagedCollection, namespace: string): DocumentPlace {
    if (namespace === entry.name) return { collection: entry.stagedName, rawData: false };
    const viewless = this.server?.product.product === "MongoDB" && versionAtLeast(this.server.mongoVersion, 8, 3);
    return viewless ? { collection: entry.stagedName, rawData: true } : { collection: `system.buckets.${entry.stagedName}`, rawData: false };
  }

  private async indexes(): Promise<void> {
    for (const entry of this.collections.values()) {
      throwIfCancelled(this.context.signal);
      if (entry.metadata.indexes.length === 0) continue;
      this.context.progress({ object: `indexes of ${entry.name}` });
      const lost = await buildIndexes(this.db, { shown: entry.name, stagedName: entry.stagedName, indexes: entry.metadata.indexes }, this.context.signal);
      for (const difference of lost) this.skip(entry.name, difference);
    }
  }

  /** Every document comes back once more: number and content must be those of the archive. */
  private async readBack(): Promise<void> {
    for (const entry of this.collections.values()) {
      const sent = entry.queue?.sent ?? new ContentSum();
      const found = new ContentSum();
      const place = entry.queue?.place ?? { collection: entry.stagedName, rawData: false };
      this.context.progress({ object: `read back ${entry.name}` });
      const batchSize = batchSizeFor(sent.count === 0 ? null : sent.bytes / sent.count);
      for await (const batch of readAll(this.db, place, { batchSize, signal: this.context.signal })) for (const document of batch) found.add(document);
      if (!found.equals(sent)) {
        throw new AppError(
          "CONFLICT",
          `${entry.name} came back different: ${formatCount(sent.count)} documents of ${formatCount(sent.bytes)} bytes went in, ${formatCount(found.count)} of ${formatCount(found.bytes)} were read back`,
          {
            fix: "Nothing was kept. This server may change documents it does not fully support; restore on one like the source.",
          },
        );
      }
      entry.readBack = found;
    }
  }

  /** What was read back may not all be there any more on a server that died since. @throws AppError CONFLICT */
  async assertNotRestarted(): Promise<void> {
    await assertSameProcess(this.client, this.process, { fix: "Restore again; nothing was changed." });
  }

  /** May be called again after a failure; the second time finds nothing. */
  async discard(): Promise<void> {
    for (const entry of this.collections.values()) await entry.queue?.abandon();
    try {
      if (!this.isUntouched) await removeStaged(this.db, this.context.jobId);
    } finally {
      await this.client.close().catch(() => undefined);
    }
  }
}
