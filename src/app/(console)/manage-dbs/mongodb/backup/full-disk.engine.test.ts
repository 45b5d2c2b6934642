/** The server's disk is too small for what is restored: the restore fails in words, and what was live is usable as it was. */
import { randomBytes } from "node:crypto";
import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

import { BSON, type Db } from "mongodb";
import { afterAll, describe, expect, it } from "vitest";

import { writeArchive } from "@/app/(console)/manage-dbs/mongodb/archive/archive-writer";
import { mongodbBackup } from "@/app/(console)/manage-dbs/mongodb/mongodb.backup";
import { artefactAt, emptyManifest, testJob } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-backups";
import { insertDocuments } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-documents";
import type { OwnServer } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-server";
import { asides, catalogue, rows } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-swaps";
import { startOwnSuite } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-suite";
import type { Artefact } from "@/backups/engine";
import type { AppError } from "@/server/errors";
import { testConnection } from "@/test/connections";
import { smallDisk } from "@/test/small-disk";

const { directory, server, withDatabase } = await startOwnSuite();
const disk = server && smallDisk(directory.path("data"), 64);
const name = "cramped";
/** Megabytes of its disk. */
let room = 64;
let isStarted = false;

afterAll(async () => {
  await server?.kill();
  disk?.remove();
});

describe.skipIf(disk === null)("on a server with a small disk", () => {
  const own = server as OwnServer;
  const connection = testConnection("mongodb", own?.url ?? "mongodb://none/", { database: name, name });

  const onServer = <T>(work: (db: Db) => Promise<T>, of = name): Promise<T> => withDatabase(work, { name: of });

  it.each([{ name: "cramped_new" }, { name, replace: true }])("a restore that does not fit fails, and with more room all is as it was: %j", async (target) => {
    if (!isStarted) await own.start();
    isStarted = true;
    await onServer(async (db) => {
      await db.dropDatabase();
      await insertDocuments(db.collection("rows"), rows(200, "live"));
      await db.admin().command({ fsync: 1 });
    });
    const live = await onServer(catalogue);
    const job = testJob();
    const outcome = await mongodbBackup.stage(await tooLarge(), connection, target, job).catch((error: unknown) => error);
    expect(outcome).toMatchObject({ name: "AppError" });
    // A server that cannot even remove any more is said to have kept it, and how that is called.
    if ((outcome as AppError).code === "CONFLICT") expect((outcome as AppError).fix).toContain(`__restore_${job.jobId}__`);
    await own.kill();
    room += 48;
    disk?.resize(room);
    await own.start();
    await mongodbBackup.sweep(connection, { jobId: job.jobId, target: target.name });
    expect(await onServer(catalogue)).toEqual(live);
    expect(await onServer(asides, target.name)).toEqual([]);
    if (target.name !== name) expect(await onServer(catalogue, target.name)).toEqual({});
  });
});

/** Of bytes that no server compresses. */
async function tooLarge(): Promise<Artefact> {
  const path = directory.path("too-large");
  const archive = writeArchive({
    serverVersion: "8.0.0",
    toolVersion: "100.12.0",
    collections: [{ database: "elsewhere", collection: "rows", metadata: JSON.stringify({ options: {}, indexes: [] }), type: "collection" }],
    sources: [
      {
        database: "elsewhere",
        collection: "rows",
        async *batches() {
          for (let id = 0; id < room; id++) yield [Buffer.from(BSON.serialize({ _id: id, bytes: randomBytes(1 << 20) }))];
        },
      },
    ],
    report: () => undefined,
  });
  await pipeline(Readable.from(archive), createWriteStream(path));
  return artefactAt(path, emptyManifest);
}
