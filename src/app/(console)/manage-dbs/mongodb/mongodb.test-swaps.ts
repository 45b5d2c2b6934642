/** For the tests of restores in place: a database with awkward things in it, what it is as text, and a console's journal. */
import { hash } from "node:crypto";

import { BSON, type Db } from "mongodb";

import { describeCollection } from "@/app/(console)/manage-dbs/mongodb/archive/metadata";
import { isAside } from "@/app/(console)/manage-dbs/mongodb/backup/aside-names";
import { valueToEjson } from "@/app/(console)/manage-dbs/mongodb/bson-ejson";
import { ElementReader, findTopLevel } from "@/app/(console)/manage-dbs/mongodb/bson-walk";
import { rawCommand } from "@/app/(console)/manage-dbs/mongodb/mongodb.raw";
import { brokenTypes, everyType, farDates, insertDocuments, oldTypes, rawContent } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-documents";
import type { Swap, SwapRecord } from "@/backups/engine";

/** The server takes it, and not with a prefix. */
export const LONG_NAME = `long ${"ä".repeat(97)}`;

export const rows = (count: number, label: string): Buffer[] =>
  Array.from({ length: count }, (_, index) => Buffer.from(BSON.serialize({ _id: index, label, n: index % 10 })));

/** @param kinds.dots some servers cannot rename what has them @param kinds.series the real tools cannot dump it from every server */
export async function fillAwkward(db: Db, { label, dots, series }: { label: string; dots: boolean; series?: boolean }): Promise<void> {
  await insertDocuments(db.collection("types"), [everyType(), oldTypes()]);
  // Not every server takes these.
  for (const make of [farDates, brokenTypes]) await insertDocuments(db.collection("types"), [make()]).catch(() => undefined);
  if (series) {
    await db.createCollection("series", { timeseries: { timeField: "at", metaField: "sensor" } });
    await db.collection("series").insertMany(Array.from({ length: 5 }, (_, index) => ({ at: new Date(index * 1_000), sensor: index % 2, value: index })));
    await db.createCollection("clustered", { clusteredIndex: { key: { _id: 1 }, unique: true } });
    await insertDocuments(db.collection("clustered"), rows(5, label));
  }
  await insertDocuments(db.collection("rows"), rows(200, label));
  for (const name of ["with space", "emoji 🦊", 'quo"te', LONG_NAME, ...(dots ? ["a.b.c"] : [])]) await insertDocuments(db.collection(name), rows(3, label));
  await db.createCollection("empty");
  await db.command({
    createIndexes: "rows",
    indexes: [
      {
        name: "ordered",
        key: new Map([
          ["label", 1],
          ["2", -1],
        ]),
      },
      { name: "partial", key: { n: 1 }, partialFilterExpression: { n: { $gt: 5 } } },
      { name: "unique", key: { label: -1, _id: 1 }, unique: true },
      { name: "expiring", key: { at: 1 }, expireAfterSeconds: 3600, sparse: true },
    ],
  });
  await db.createCollection("capped", { capped: true, size: 65_536 });
  await insertDocuments(db.collection("capped"), rows(20, label).toReversed());
  await db.createCollection("checked", { validator: { n: { $type: "int" } }, validationLevel: "strict" });
  const documents = [
    { _id: 1, n: 1 },
    { _id: 2, n: "old and invalid", label },
  ];
  await db.command({ insert: "checked", documents, bypassDocumentValidation: true });
  await db.createCollection("collated", { collation: { locale: "en", strength: 2 } });
  await insertDocuments(db.collection("collated"), rows(5, label));
  await db.createCollection("view", { viewOn: "rows", pipeline: [{ $match: { n: 1, label } }] });
  await db.createCollection("view on view", { viewOn: "view", pipeline: [{ $project: new Map([["label", 1]]) }] });
  await db.createCollection("same view", { viewOn: "rows", pipeline: [] });
}

/** Everything of a database in words: kinds, options, indexes and documents as bytes. What is kept aside is not part of it. */
export async function catalogue(db: Db): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  const entries = (await rawCommand(db, { listCollections: 1, cursor: {} })).map(describeCollection);
  for (const { name, kind, entry } of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (name.startsWith("system.") || isAside(name)) continue;
    const options = findTopLevel(entry, "options");
    const indexes = kind === "view" ? [] : await rawCommand(db, { listIndexes: name });
    found[name] = {
      kind,
      options: options ? valueToEjson(options) : "{}",
      indexes: indexes.map(indexText).sort(),
      documents: kind === "view" ? [] : (await rawContent(db.collection(name))).map((bytes) => (bytes.length > 1_000 ? hash("sha256", bytes) : bytes)),
    };
  }
  return found;
}

/** Fields in words, in their order, without what differs by nature. */
export function indexText(index: Buffer): string {
  const fields: string[] = [];
  const reader = new ElementReader(index);
  while (reader.next()) if (!["ns", "v", "storageEngine"].includes(reader.name())) fields.push(`${reader.name()}=${valueToEjson(reader.value())}`);
  return fields.sort().join(" ");
}

export const asides = async (db: Db): Promise<string[]> =>
  (await db.listCollections({}, { nameOnly: true }).toArray()).map((entry) => entry.name).filter(isAside);

/** The console's journal, which survives what the engine does not. */
export function testJournal(jobId: string, target: string) {
  const swap: Swap = { jobId, target, record: {} };
  const journal = {
    swap,
    isWritten: false,
    write: async (record: SwapRecord): Promise<void> => {
      // As the console keeps it: text.
      swap.record = JSON.parse(JSON.stringify(record)) as SwapRecord;
      journal.isWritten = true;
    },
  };
  return journal;
}
