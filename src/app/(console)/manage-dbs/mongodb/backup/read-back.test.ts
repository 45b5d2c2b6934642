import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip, gzipSync } from "node:zlib";

import { BSON } from "mongodb";
import { describe, expect, it } from "vitest";

import { writeArchive, type WrittenNamespace } from "@/app/(console)/manage-dbs/mongodb/archive/archive-writer";
import { READ_BACK, ReadBack, readBackWhileWriting } from "@/app/(console)/manage-dbs/mongodb/backup/read-back";
import { emptyManifest } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-backups";
import { documentOf } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-documents";

const written: WrittenNamespace[] = [];
const archive = () => {
  written.length = 0;
  return Readable.from(
    writeArchive({
      serverVersion: "8.0.0",
      toolVersion: "test",
      collections: ["a", "b"].map((collection) => ({ database: "d", collection, metadata: "{}", type: "collection" })),
      sources: ["a", "b"].map((collection) => ({
        database: "d",
        collection,
        async *batches() {
          for (let id = 0; id < 6; id++) yield [Buffer.from(BSON.serialize({ _id: id, bytes: randomBytes(20_000) }))];
          yield [documentOf(2_000_000, 6)];
        },
      })),
      report: (namespace) => void written.push(namespace),
    }),
    { objectMode: false },
  );
};

/** As a backup is written, with what may happen to its bytes on the way. @returns bytes that came to the file */
async function write(readBack: ReadBack, damage: (chunk: Buffer, number: number) => Buffer = (chunk) => chunk): Promise<number> {
  let [bytes, number] = [0, 0];
  async function* damaged(source: AsyncIterable<Buffer>) {
    for await (const chunk of source) yield damage(Buffer.from(chunk), number++);
  }
  async function count(source: AsyncIterable<Buffer>) {
    for await (const chunk of source) bytes += chunk.length;
  }
  await pipeline(archive(), createGzip({ level: 3, chunkSize: 4_096 }), damaged, (source: AsyncIterable<Buffer>) => readBack.through(source), count);
  return bytes;
}

const refused = { code: "INTERNAL", message: expect.stringContaining("does not read back the same") as string };

describe("an archive that is read back while it is written", () => {
  it("is the same, and says how it was read", async () => {
    const readBack = new ReadBack(new AbortController().signal);
    expect(await write(readBack)).toBeGreaterThan(10_000);
    await readBack.assertSame(written);
    await expect(readBack.assertSame(written.slice(1))).rejects.toMatchObject(refused);
    await expect(readBack.assertSame(written.map((namespace) => ({ ...namespace, count: 1 })))).rejects.toMatchObject(refused);
    const content = { ...emptyManifest, details: { ...READ_BACK }, objects: [{ name: "a", kind: "collection", count: 7, bytes: 1, checksum: "00" }] };
    expect(readBackWhileWriting(content)).toMatchObject({ objects: [{ name: "a", count: 7, checksum: "00" }] });
    expect(readBackWhileWriting(emptyManifest)).toBeNull();
  });

  it.each([1, 5, 20])("is refused when its piece %i is damaged, before the end or at it", async (at) => {
    const readBack = new ReadBack(new AbortController().signal);
    const outcome = write(readBack, (chunk, number) => {
      if (number === at) chunk[chunk.length >> 1] = (chunk[chunk.length >> 1] ?? 0) ^ 4;
      return chunk;
    }).then(() => readBack.assertSame(written));
    await expect(outcome).rejects.toMatchObject(refused);
  });

  it("does not wait for ever when the writing fails, or is given up", async () => {
    const readBack = new ReadBack(new AbortController().signal);
    const failing = write(readBack, (chunk, number) => {
      if (number === 3) throw new Error("the disk is full");
      return chunk;
    });
    await expect(failing).rejects.toThrow("the disk is full");
    readBack.abandon();
    await expect(readBack.assertSame([])).rejects.toBeInstanceOf(Error);

    const controller = new AbortController();
    const cancelled = new ReadBack(controller.signal);
    const through = cancelled.through(Readable.from([gzipSync(documentOf(1_000, 1))]));
    await through.next();
    controller.abort();
    cancelled.abandon();
    await expect(cancelled.assertSame([])).rejects.toBeInstanceOf(Error);
  });
});
