import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";

import { BSON } from "mongodb";
import { describe, expect, it } from "vitest";

import { ArchiveError } from "@/app/(console)/manage-dbs/mongodb/archive/archive-format";
import { plainChunks } from "@/app/(console)/manage-dbs/mongodb/archive/archive-reader";
import { Crc64, crcHex } from "@/app/(console)/manage-dbs/mongodb/archive/crc64-xz";
import { readDumpFolder } from "@/app/(console)/manage-dbs/mongodb/archive/dump-folder";
import { fileKindOf } from "@/app/(console)/manage-dbs/mongodb/archive/file-kind";
import { documentOf } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-documents";
import { type TarEntry, tarOf } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-tar";

const documents = (count: number): Buffer[] =>
  Array.from({ length: count }, (_, index) => Buffer.from(BSON.serialize({ _id: index, text: "x".repeat(index) })));
const FIFTEEN_MEGABYTES = gzipSync(documentOf(15 * 1024 * 1024, 1));
const metadata = (name: string, type = "collection", options = {}): string => JSON.stringify({ options, indexes: [], collectionName: name, type });

const folder = (): TarEntry[] => [
  { path: "dump/", type: "5" },
  { path: "dump/shop/rows.bson", content: Buffer.concat(documents(50)) },
  { path: "dump/shop/rows.metadata.json", content: metadata("rows") },
  { path: "dump/shop/empty.bson" },
  { path: "dump/shop/empty.metadata.json", content: metadata("empty") },
  { path: "dump/shop/with+space%2Fslash.bson", content: Buffer.concat(documents(2)) },
  { path: "dump/shop/with+space%2Fslash.metadata.json", content: JSON.stringify({ options: {}, indexes: [], type: "collection" }) },
  { path: "dump/shop/view.metadata.json", content: metadata("view", "view", { viewOn: "rows", pipeline: [] }) },
  { path: "dump/shop/._rows.bson", content: "a Mac's note" },
  { path: "dump/prelude.json", content: '{"ServerVersion":"8.0.4","ToolVersion":"100.12.0"}' },
];

async function read(tar: Buffer, pieces = 700) {
  async function* chunks() {
    for (let start = 0; start < tar.length; start += pieces) yield tar.subarray(start, start + pieces);
  }
  const found = { version: "", names: [] as string[], counts: {} as Record<string, number>, crcs: {} as Record<string, string>, bytes: 0 };
  for await (const event of readDumpFolder(chunks)) {
    if (event.kind === "prelude") {
      found.version = event.header.serverVersion;
      found.names = event.collections.map((entry) => `${entry.database}.${entry.collection}`).sort();
    } else if (event.kind === "documents") found.bytes += event.documents.reduce((sum, document) => sum + document.length, 0);
    else Object.assign(found, { counts: { ...found.counts, [event.collection]: event.count }, crcs: { ...found.crcs, [event.collection]: event.crc } });
  }
  return found;
}

describe("a dump folder as tar", () => {
  it.each([1, 3, 700, 1 << 20])("comes out as an archive would, in pieces of %i bytes", async (pieces) => {
    const found = await read(tarOf(folder()), pieces);
    expect(found.version).toBe("8.0.4");
    expect(found.names).toEqual(["shop.empty", "shop.rows", "shop.view", "shop.with space/slash"]);
    expect(found.counts).toEqual({ rows: 50, empty: 0, view: 0, "with space/slash": 2 });
    const crc = new Crc64();
    for (const document of documents(50)) crc.update(document);
    expect(found.crcs["rows"]).toBe(crcHex(crc.value()));
  });

  it("reads files that are compressed one by one, and names from their descriptions", async () => {
    const long = `${"x".repeat(208)}%24c2hhMQ`;
    const entries = folder().map((entry) => (/\.(bson|json)$/.test(entry.path) ? { path: `${entry.path}.gz`, content: gzipSync(entry.content ?? "") } : entry));
    entries.push({ path: `dump/shop/${long}.bson.gz`, content: gzipSync(Buffer.concat(documents(3))) });
    entries.push({ path: `dump/shop/${long}.metadata.json.gz`, content: gzipSync(metadata("y".repeat(240))) });
    const found = await read(tarOf(entries));
    expect(found.counts).toMatchObject({ rows: 50, [`${"y".repeat(240)}`]: 3 });
  });

  it("reads what the real tar packs", async () => {
    const directory = mkdtempSync(join(tmpdir(), "dump-folder-"));
    mkdirSync(join(directory, "dump", "shop"), { recursive: true });
    for (const { path, content, type } of folder()) if (type === undefined) writeFileSync(join(directory, path), content ?? "");
    writeFileSync(join(directory, "dump", "shop", `${"l".repeat(95)}.bson`), Buffer.concat(documents(1)));
    for (const format of ["gnu", "pax", "ustar"]) {
      execFileSync("tar", [`--format=${format}`, "-cf", join(directory, "packed.tar"), "-C", directory, "./dump"]);
      const tar = readFileSync(join(directory, "packed.tar"));
      expect(fileKindOf(tar.subarray(0, 4_096))).toEqual({ kind: "tar", gzip: false });
      expect((await read(tar)).counts, format).toMatchObject({ rows: 50, [`${"l".repeat(95)}`]: 1 });
    }
    rmSync(directory, { recursive: true });
  });

  it.each([
    ["a name that climbs", { path: "dump/shop/../../../etc/rows.bson" }],
    ["an absolute name", { path: "/dump/shop/a.bson" }],
    ["a Windows name", { path: "C:\\dump\\a.bson" }],
    ["a symbolic link", { path: "dump/shop/a.bson", type: "2", linkTo: "/etc/passwd" }],
    ["a hard link", { path: "dump/shop/a.bson", type: "1", linkTo: "rows.bson" }],
    ["a device", { path: "dump/shop/a.bson", type: "3" }],
    ["a pipe", { path: "dump/shop/a.bson", type: "6" }],
    ["a long name that climbs", { path: `dump/${"a/".repeat(60)}../../x.bson` }],
    ["a long name with a NUL", { path: `dump/shop/${"a".repeat(100)}\0/../x.bson` }],
    ["a NUL in the name of a collection", { path: "dump/shop/rows%00.bson" }],
    ["a NUL in a described name", { path: "dump/shop/a.metadata.json", content: metadata("view\0", "view", { viewOn: "rows", pipeline: [] }) }],
    ["a line break in the name of a database", { path: "dump/shop\r\nSet-Cookie: a=b/a.bson" }],
    ["a control character in a name", { path: "dump/shop/a\u001b[2J.bson" }],
  ] as [string, TarEntry][])("refuses %s", async (_what, entry) => {
    await expect(read(tarOf([...folder(), entry]))).rejects.toBeInstanceOf(ArchiveError);
  });

  it("refuses what is cut, appended to, damaged, doubled or incomplete", async () => {
    const whole = tarOf(folder());
    for (const length of [0, 100, 512, 600, 2_000, whole.length - 1_024]) await expect(read(whole.subarray(0, length))).rejects.toBeInstanceOf(ArchiveError);
    await expect(read(Buffer.concat([whole, Buffer.from("more")]))).rejects.toBeInstanceOf(ArchiveError);
    const flipped = Buffer.from(whole);
    flipped[512 + 20] = (flipped[512 + 20] ?? 0) ^ 1;
    await expect(read(flipped)).rejects.toBeInstanceOf(ArchiveError);
    const half = documents(3)[2]?.subarray(0, 10) ?? Buffer.alloc(0);
    await expect(read(tarOf([{ path: "dump/shop/a.bson", content: half }]))).rejects.toBeInstanceOf(ArchiveError);
    await expect(read(tarOf([{ path: "dump/shop/a.bson", content: "text that is no BSON" }]))).rejects.toBeInstanceOf(ArchiveError);
    await expect(read(tarOf([...folder(), { path: "dump/shop/rows.bson" }]))).rejects.toBeInstanceOf(ArchiveError);
    await expect(read(tarOf([{ path: "dump/shop/a.metadata.json", content: metadata("a") }]))).rejects.toBeInstanceOf(ArchiveError);
    await expect(read(tarOf([{ path: "holiday.jpg", content: "x" }]))).rejects.toBeInstanceOf(ArchiveError);
    await expect(read(tarOf([{ path: "dump/shop/a.bson.gz", content: gzipSync("x".repeat(100)).subarray(0, 15) }]))).rejects.toBeInstanceOf(ArchiveError);
  });

  it("refuses a NUL in a name that an extended header gives", async () => {
    const record = " path=dump/shop/a\0b.bson\n";
    const whole = tarOf([...folder(), { path: "pax", type: "x", content: `${record.length + 2}${record}` }, { path: "dump/shop/a.bson" }]);
    await expect(read(whole)).rejects.toBeInstanceOf(ArchiveError);
  });

  it("stops early in ten gigabytes that come out of ten megabytes", async () => {
    const members = Array.from({ length: 700 }, () => FIFTEEN_MEGABYTES);
    const one = tarOf([{ path: "dump/shop/a.bson.gz", content: Buffer.concat(members) }]);
    await expect(read(one, 1 << 20)).rejects.toThrow("expands to far more");
    let given = 0;
    const open = () =>
      plainChunks(
        Readable.from(
          (function* () {
            // A file of 8 GiB within a tar file within gzip.
            yield gzipSync(tarOf([{ path: "dump/shop/a.bson", size: 2 ** 33 - 1 }], Buffer.alloc(0)).subarray(0, 512));
            for (const member of members) {
              given += member.length;
              yield member;
            }
          })(),
        ),
      );
    const reading = (async () => {
      for await (const event of readDumpFolder(open)) expect(event.kind).not.toBe("end");
    })();
    await expect(reading).rejects.toThrow("expands to far more");
    expect(given).toBeLessThan(members.length * FIFTEEN_MEGABYTES.length * 0.1);
  });

  it("stops at a file that expands without measure", async () => {
    const bomb = gzipSync(Buffer.alloc(60 * 1024 * 1024));
    await expect(read(tarOf([{ path: "dump/shop/a.metadata.json.gz", content: bomb }]))).rejects.toBeInstanceOf(ArchiveError);
  });
});

describe("what a file is", () => {
  it.each([
    ["", "empty"],
    ["PGDMP\u0001\u000e", "PostgreSQL"],
    ["REDIS0011", "Redis"],
    ["SQLite format 3\0", "SQLite"],
    ["<!DOCTYPE html><title>502", "web page"],
    ["-- PostgreSQL database dump", "SQL"],
    ['{"_id":1}', "mongoexport"],
    ["hello", "text"],
  ])("%j is named", (start, words) => {
    for (const bytes of [Buffer.from(start, "latin1"), ...(start === "" ? [] : [gzipSync(Buffer.from(start, "latin1"))])]) {
      const found = fileKindOf(bytes);
      expect(found.kind === "other" ? found.words : found.kind).toContain(words);
    }
  });

  it("a single .bson and a broken gzip are named too", () => {
    expect(fileKindOf(Buffer.concat(documents(2)))).toMatchObject({ words: expect.stringContaining(".bson") as string });
    expect(fileKindOf(Buffer.from([0x1f, 0x8b, 0x07, 1, 2, 3]))).toMatchObject({ kind: "other" });
  });
});
