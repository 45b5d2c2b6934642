/** The edges of what a document, a batch and a message may be: brought back to the byte, or refused by name before anything is written. */
import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

import { BSON } from "mongodb";
import { beforeAll, describe, expect, it } from "vitest";

import { writeArchive } from "@/app/(console)/manage-dbs/mongodb/archive/archive-writer";
import { serverKind } from "@/app/(console)/manage-dbs/mongodb/backup/backup-source";
import { mongodbBackup } from "@/app/(console)/manage-dbs/mongodb/mongodb.backup";
import { insertRaw } from "@/app/(console)/manage-dbs/mongodb/mongodb.raw-insert";
import { artefactAt, emptyManifest, sinkAt, testJob } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-backups";
import { documentOf, insertDocuments, rawContent } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-documents";
import { rows } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-swaps";
import { startSuite } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-suite";

const LARGEST = 16 * 1024 * 1024;
const { client, directory, database } = await startSuite();
let product = "";

beforeAll(async () => {
  product = (await serverKind(client)).product.product;
});

const levels = (count: number): Record<string, unknown> => (count === 1 ? {} : { deeper: levels(count - 1) });

describe("comes back to the byte", () => {
  it.each<[string, () => Buffer[]]>([
    ["a document of 100 levels", () => [Buffer.from(BSON.serialize({ _id: 1, deep: levels(99) }))]],
    ["more documents than a message takes", () => rows(12_000, "many")],
  ])("%s", async (_what, make) => {
    const source = database("limits");
    await insertDocuments(source.db.collection("edge"), make());
    const path = directory.path("edge.archive.gz");
    const manifest = await mongodbBackup.write(source.connection, sinkAt(path), testJob());
    const artefact = await artefactAt(path, manifest);
    expect((await mongodbBackup.verify(artefact, testJob())).objects).toEqual(manifest.objects.map(({ name, count, checksum }) => ({ name, count, checksum })));
    const target = database("limits_restored");
    await (await mongodbBackup.stage(artefact, target.connection, { name: target.name }, testJob())).keep();
    expect(await rawContent(target.db.collection("edge"))).toEqual(await rawContent(source.db.collection("edge")));
  });
});

/** Tens of megabytes at once: where the small test server stops answering others for long. */
describe("in one message", () => {
  it("almost 48 MB are taken, and two documents of 16 MiB", async ({ skip }) => {
    skip(product === "SecantusDB", "SecantusDB may stop answering");
    const { db } = database("limits");
    const documents = [1, 2, 3].map((id) => documentOf(15_990_000, id));
    await insertRaw(db.collection("heavy"), documents);
    await insertRaw(
      db.collection("heavy"),
      [4, 5].map((id) => documentOf(LARGEST, id)),
    );
    const found = await rawContent(db.collection("heavy"));
    for (const document of documents) expect(found.includes(document.toString("base64"))).toBe(true);
    expect(found).toHaveLength(5);
  });

  it("100,000 documents are taken, or refused in the server's words", async ({ skip }) => {
    skip(product === "SecantusDB", "SecantusDB needs a minute for them");
    const { db } = database("limits");
    const documents = Array.from({ length: 100_000 }, (_, index) => Buffer.from(BSON.serialize({ _id: index })));
    const refused = await insertRaw(db.collection("many"), documents).then(
      () => null,
      (error: unknown) => String(error),
    );
    if (refused !== null) expect(refused).toMatch(/batch size/i);
    expect(await db.collection("many").countDocuments({})).toBe(refused === null ? 100_000 : 0);
  });

  it("a document of 16 MiB and one byte is refused by name", async () => {
    const { db } = database("limits");
    await expect(insertRaw(db.collection("large"), [documentOf(LARGEST + 1, 1)])).rejects.toMatchObject({
      name: expect.stringMatching(/^(AppError|MongoServerError)$/) as string,
    });
    expect(await db.collection("large").countDocuments({})).toBe(0);
  });
});

it("an archive is never written with a document of 16 MiB and one byte", async () => {
  const archive = writeArchive({
    serverVersion: "8.0.0",
    toolVersion: "test",
    collections: [{ database: "d", collection: "large", metadata: "{}", type: "collection" }],
    sources: [
      {
        database: "d",
        collection: "large",
        async *batches() {
          yield [documentOf(LARGEST + 1, 1)];
        },
      },
    ],
    report: () => undefined,
  });
  const path = directory.path("too-large");
  const written = pipeline(Readable.from(archive), createWriteStream(path));
  await expect(written).rejects.toMatchObject({ code: "INTERNAL", message: expect.stringContaining("larger than 16 MiB") as string });
  // What came of it is no archive, and nothing is made of it.
  const target = database("limits_refused");
  const staging = mongodbBackup.stage(await artefactAt(path, emptyManifest), target.connection, { name: target.name }, testJob());
  await expect(staging).rejects.toMatchObject({ code: "INVALID" });
  expect(await target.db.listCollections({}, { nameOnly: true }).toArray()).toEqual([]);
});
