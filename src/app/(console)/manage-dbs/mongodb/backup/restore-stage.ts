import "server-only";

import type { Db, MongoClient } from "mongodb";

import type { ArchiveCollection } from "@/app/(console)/manage-dbs/mongodb/archive/archive-format";
import { parseMetadata, type ParsedMetadata } from "@/app/(console)/manage-dbs/mongodb/archive/metadata";
import { type DocumentPlace, readAll, serverKind, type ServerKind, versionAtLeast } from "@/app/(console)/manage-dbs/mongodb/backup/backup-source";
import { asDamage, objectName, openArchive } from "@/app/(console)/manage-dbs/mongodb/backup/backup-verify";
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
import { Journal, keepStaged, removeStaged, type StagedCollection, stagedName, stagingPrefix } from "@/app/(console)/manage-dbs/mongodb/backup/restore-staged";
import { newClient } from "@/app/(console)/manage-dbs/mongodb/mongodb.client";
import { batchSizeFor } from "@/app/(console)/manage-dbs/mongodb/mongodb.raw";
import { toAppError } from "@/app/(console)/manage-dbs/mongodb/mongodb.errors";
import type { Artefact, JobContext, RestoreTarget, Staged } from "@/backups/engine";
import { formatCount } from "@/lib/format";
import type { Connection } from "@/server/connection";
import { AppError, throwIfCancelled } from "@/server/errors";

/** Restores an archive into a database that has nothing in it, under names that carry the job's id. On failure nothing is left. */
export async function stageRestore(artefact: Artefact, connection: Connection, target: RestoreTarget, context: JobContext): Promise<Staged> {
  assertTargetName(target.name);
  const client = newClient(connection);
  const db = client.db(target.name);
  const restore = new Restore({ client, db, context });
  try {
    await restore.load(artefact);
    return restore.staged(connection, target);
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

class Restore {
  private readonly client: MongoClient;
  private readonly db: Db;
  private readonly context: JobContext;
  private readonly journal: Journal;
  private readonly collections = new Map<string, StagedCollection>();
  private readonly views: { name: string; metadata: ParsedMetadata }[] = [];
  private readonly skipped: { name: string; count: number; reason: string }[] = [];
  private server: ServerKind | null = null;
  private habits: ServerHabits = { keepsOptions: false, renameKeepsOptions: false, renameKeepsIdentity: false, renamesDots: false };
  private documents = 0;

  constructor(run: { client: MongoClient; db: Db; context: JobContext }) {
    this.client = run.client;
    this.db = run.db;
    this.context = run.context;
    this.journal = new Journal(run.db, run.context.jobId);
  }

  async load(artefact: Artefact): Promise<void> {
    await this.assertEmpty();
    this.server = await serverKind(this.client);
    const total = artefact.manifest.objects.reduce((sum, object) => sum + (object.count ?? 0), 0);
    this.context.progress({ itemsDone: 0, itemsTotal: total });
    for await (const event of openArchive(artefact, this.context)) {
      throwIfCancelled(this.context.signal);
      if (event.kind === "prelude") await this.create(event.collections);
      else if (event.kind === "documents") await this.insert(event.collection, event.documents);
      else await this.collections.get(objectName(event.collection))?.queue?.finish();
    }
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

  private async create(listed: ArchiveCollection[]): Promise<void> {
    const databases = new Set(listed.map((entry) => entry.database));
    if (databases.size > 1)
      throw new AppError("UNSUPPORTED", `The archive holds ${databases.size} databases`, { fix: "Restore it with mongorestore, or dump one database." });
    const parsed = listed.map((entry) => ({ name: entry.collection, metadata: parseMetadata(entry) }));
    this.habits = await probeHabits(this.db, stagingPrefix(this.context.jobId));
    const plain = parsed.filter((entry) => entry.metadata.kind !== "view");
    for (const [position, entry] of plain.entries()) await this.createOne(entry, position);
    for (const view of parsed.filter((entry) => entry.metadata.kind === "view")) {
      if (this.habits.keepsOptions) this.views.push(view);
      else this.skip(view.name, "this server does not keep views");
    }
  }

  private async createOne(entry: { name: string; metadata: ParsedMetadata }, position: number): Promise<void> {
    const { name, metadata } = entry;
    const direct = !this.canRename(name, metadata);
    const made = direct ? name : stagedName({ database: this.db.databaseName, jobId: this.context.jobId }, name, position);
    const make = () => createCollection(this.db, made, metadata);
    await (direct ? this.journal.making(name, make) : make());
    const lost = optionsLost(metadata.options, (await optionsOf(this.db, made))?.options ?? new Map());
    if (lost.length > 0) this.skip(name, `this server does not keep: ${lost.join(", ")}`);
    this.collections.set(name, { name, stagedName: made, direct, metadata, queue: null, readBack: null });
  }

  /** No server renames a time series or to a system name; some lose a collection's options on the way, some stumble over dots. */
  private canRename(name: string, metadata: ParsedMetadata): boolean {
    const { keepsOptions, renameKeepsOptions, renamesDots } = this.habits;
    if (name.startsWith("system.") || (name.includes(".") && !renamesDots)) return false;
    if (!keepsOptions) return true;
    return metadata.kind !== "timeseries" && (metadata.options.size === 0 || renameKeepsOptions);
  }

  private skip(name: string, reason: string): void {
    this.skipped.push({ name, count: 0, reason });
    this.context.log(`${name}: ${reason}`);
  }

  private async insert(namespace: string, documents: Buffer[]): Promise<void> {
    const name = objectName(namespace);
    const entry = this.collections.get(name);
    if (!entry)
      throw new AppError("UNSUPPORTED", `The archive holds ${namespace}, which is no collection of a database`, { fix: "Restore it with mongorestore." });
    if (!entry.queue) {
      entry.queue = new InsertQueue(this.db, this.placeFor(entry, namespace), { ordered: entry.metadata.options.get("capped") === true });
      this.context.progress({ object: name });
    }
    await entry.queue.add(documents);
    this.documents += documents.length;
    this.context.progress({ itemsDone: this.documents });
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

  staged(connection: Connection, target: RestoreTarget): Staged {
    return {
      objects: [
        ...[...this.collections.values()].map((entry) => ({ name: entry.name, count: entry.readBack?.count ?? 0 })),
        ...this.views.map((view) => ({ name: view.name, count: null })),
      ],
      skipped: this.skipped,
      keep: async () => {
        try {
          await keepStaged(
            { client: this.client, db: this.db, journal: this.journal, renameKeepsIdentity: this.habits.renameKeepsIdentity },
            [...this.collections.values()],
            this.views,
          );
        } catch (error) {
          await this.discard().catch(() => this.context.log(`could not clear up: the restored collections are left in ${target.name}`));
          throw toAppError(error, { address: connection.address, doing: `${target.name}: keep the restored collections` });
        }
        await this.client.close().catch(() => undefined);
        return { place: `database ${target.name} on ${connection.address}`, connection: { url: connection.url.reveal(), database: target.name } };
      },
      discard: () => this.discard(),
    };
  }

  /** May be called again after a failure; the second time finds nothing. */
  async discard(): Promise<void> {
    for (const entry of this.collections.values()) await entry.queue?.abandon();
    try {
      await removeStaged(this.db, this.context.jobId);
    } finally {
      await this.client.close().catch(() => undefined);
    }
  }
}
