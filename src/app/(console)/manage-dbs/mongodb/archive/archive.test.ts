import { Readable } from "node:stream";
import { constants, gzipSync } from "node:zlib";

import { BSON, Int32, Long } from "mongodb";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { ArchiveError } from "@/app/(console)/manage-dbs/mongodb/archive/archive-format";
import { readArchive, type ReadOptions } from "@/app/(console)/manage-dbs/mongodb/archive/archive-reader";
import { writeArchive, type WrittenNamespace } from "@/app/(console)/manage-dbs/mongodb/archive/archive-writer";
import { Crc64, crcHex } from "@/app/(console)/manage-dbs/mongodb/archive/crc64-xz";
import { describeCollection, metadataText, parseMetadata } from "@/app/(console)/manage-dbs/mongodb/archive/metadata";
import { documentOf, everyType, oldTypes } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-documents";

const END = Buffer.from([0xff, 0xff, 0xff, 0xff]);
const MAGIC = Buffer.from("6de29981", "hex");
const bson = (document: Record<string, unknown>): Buffer => Buffer.from(BSON.serialize(document));
const crcOf = (documents: Buffer[]): bigint => {
  const crc = new Crc64();
  for (const document of documents) crc.update(document);
  return crc.value();
};

/** A seeded generator: the same places are tried on every run. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const archiveHeader = bson({ concurrent_collections: new Int32(1), version: "0.1", server_version: "7.0.0", tool_version: "100" });
const listed = (collection: string) => bson({ db: "d", collection, metadata: "{}", size: new Int32(0), type: "collection" });
const block = (collection: string, documents: Buffer[]) => [bson({ db: "d", collection, EOF: false, CRC: Long.ZERO }), ...documents, END];
const endBlock = (collection: string, crc: bigint) => [bson({ db: "d", collection, EOF: true, CRC: Long.fromBigInt(crc) }), END];
const whole = (collection: string, documents: Buffer[]) => [...block(collection, documents), ...endBlock(collection, crcOf(documents))];

const rows = (count: number, label: string) => Array.from({ length: count }, (_, index) => bson({ _id: index, label, text: label.repeat(index % 7) }));
const A = rows(20, "a");
const B = rows(30, "b");
const pieces = () => [MAGIC, archiveHeader, listed("a"), listed("b"), END, ...whole("a", A), ...whole("b", B)];
const archive = (): Buffer => Buffer.concat(pieces());

interface Read {
  collections: string[];
  counts: Record<string, number>;
  documents: Record<string, string[]>;
}

async function read(bytes: Buffer, options: ReadOptions & { chunk?: number } = {}): Promise<Read> {
  const { chunk = 1_000, ...rest } = options;
  const parts: Buffer[] = [];
  for (let start = 0; start < bytes.length; start += chunk) parts.push(bytes.subarray(start, start + chunk));
  const found: Read = { collections: [], counts: {}, documents: {} };
  for await (const event of readArchive(Readable.from(parts), { strict: true, ...rest })) {
    if (event.kind === "prelude") found.collections = event.collections.map((entry) => entry.collection);
    else if (event.kind === "documents") (found.documents[event.collection] ??= []).push(...event.documents.map((document) => document.toString("base64")));
    else found.counts[event.collection] = event.count;
  }
  return found;
}

const refusal = (bytes: Buffer, options?: ReadOptions & { chunk?: number }): Promise<string> =>
  read(bytes, options).then(
    () => "read",
    (error: unknown) => (error instanceof ArchiveError ? error.message : `not an ArchiveError: ${String(error)}`),
  );

describe("CRC-64/XZ", () => {
  it("gives the check values", () => {
    expect(crcHex(crcOf([Buffer.from("123456789")]))).toBe("995dc9bbdf1939fa");
    expect(crcOf([])).toBe(0n);
  });

  it("is the same however the bytes are cut", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), (bytes, cut) => {
        expect(crcOf([Buffer.from(bytes.subarray(0, cut)), Buffer.from(bytes.subarray(cut))])).toBe(crcOf([Buffer.from(bytes)]));
      }),
    );
  });
});

describe("the writer", () => {
  async function written(sources: [string, Buffer[][]][]): Promise<{ bytes: Buffer; namespaces: WrittenNamespace[] }> {
    const namespaces: WrittenNamespace[] = [];
    const chunks: Buffer[] = [];
    const stream = writeArchive({
      serverVersion: "7.0.0",
      toolVersion: "test",
      collections: sources.map(([collection]) => ({ database: "d", collection, metadata: "{}", type: "collection" })),
      sources: sources.map(([collection, batches]) => ({ database: "d", collection, batches: () => Readable.from(batches) as AsyncIterable<Buffer[]> })),
      report: (namespace) => void namespaces.push(namespace),
    });
    for await (const chunk of stream) chunks.push(chunk);
    return { bytes: Buffer.concat(chunks), namespaces };
  }

  it("writes the layout byte for byte", async () => {
    const { bytes, namespaces } = await written([
      ["a", [A.slice(0, 5), A.slice(5)]],
      ["b", [B]],
    ]);
    const expected = Buffer.concat([
      MAGIC,
      bson({ concurrent_collections: new Int32(1), version: "0.1", server_version: "7.0.0", tool_version: "test" }),
      ...pieces().slice(2),
    ]);
    expect(bytes.toString("hex")).toBe(expected.toString("hex"));
    expect(namespaces).toEqual([
      { database: "d", collection: "a", count: 20, bytes: Buffer.concat(A).length, crc: crcHex(crcOf(A)) },
      { database: "d", collection: "b", count: 30, bytes: Buffer.concat(B).length, crc: crcHex(crcOf(B)) },
    ]);
  });

  it("comes back through the reader with every document", async () => {
    const documents = [everyType(), oldTypes(), documentOf(16 * 1024 * 1024, 1)];
    const { bytes } = await written([
      ["types", [documents]],
      ["empty", []],
    ]);
    for (const file of [bytes, gzipSync(bytes, { level: 1 })]) {
      const found = await read(file, { chunk: 64 * 1024 });
      expect(found.counts).toEqual({ types: 3, empty: 0 });
      expect(found.documents["types"]).toEqual(documents.map((document) => document.toString("base64")));
    }
  });

  it("has no end when a source fails", async () => {
    async function* failing(): AsyncGenerator<Buffer[]> {
      yield A;
      throw new Error("cursor killed");
    }
    const chunks: Buffer[] = [];
    const stream = writeArchive({
      serverVersion: "",
      toolVersion: "",
      collections: [{ database: "d", collection: "a", metadata: "{}", type: "collection" }],
      sources: [{ database: "d", collection: "a", batches: failing }],
      report: () => undefined,
    });
    await expect(
      (async () => {
        for await (const chunk of stream) chunks.push(chunk);
      })(),
    ).rejects.toThrow("cursor killed");
    expect(await refusal(Buffer.concat(chunks))).toContain("cut short in a");
  });
});

describe("the reader", () => {
  it.each([1, 3, 7, 64, 100_000])("reads pieces of %i bytes", async (chunk) => {
    expect(await read(archive(), { chunk })).toMatchObject({ collections: ["a", "b"], counts: { a: 20, b: 30 } });
    expect(await read(gzipSync(archive()), { chunk })).toMatchObject({ counts: { a: 20, b: 30 } });
  });

  it("reads interleaved namespaces, whatever the header says of them", async () => {
    const mixed = Buffer.concat([
      MAGIC,
      archiveHeader,
      ...["a", "b", "c"].map(listed),
      END,
      ...block("a", A.slice(0, 5)),
      ...block("b", B.slice(0, 9)),
      ...block("a", A.slice(5)),
      ...block("c", []),
      ...endBlock("a", crcOf(A)),
      ...block("b", B.slice(9)),
      ...endBlock("c", 0n),
      ...endBlock("b", crcOf(B)),
    ]);
    const found = await read(mixed);
    expect(found.counts).toEqual({ a: 20, b: 30, c: 0 });
    expect(found.documents["a"]).toEqual(A.map((document) => document.toString("base64")));
  });

  it("reads several gzip members as one file", async () => {
    const bytes = archive();
    expect(await read(Buffer.concat([gzipSync(bytes.subarray(0, 333)), gzipSync(bytes.subarray(333))]))).toMatchObject({ counts: { a: 20, b: 30 } });
  });

  const wrongCrc = () => Buffer.concat([MAGIC, archiveHeader, listed("a"), END, ...block("a", A), ...endBlock("a", crcOf(A) ^ 1n)]);
  const flippedInside = () => {
    const bytes = archive();
    const at = bytes.indexOf(A[5] ?? END) + (A[5]?.length ?? 0) - 3;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    return bytes;
  };
  const flippedLength = () => {
    const bytes = archive();
    const at = bytes.indexOf(A[3] ?? Buffer.alloc(0));
    bytes[at] = (bytes[at] ?? 0) ^ 2;
    return bytes;
  };
  it.each<[string, () => Buffer, string]>([
    ["an empty file", () => Buffer.alloc(0), "empty"],
    ["an empty gzip", () => gzipSync(Buffer.alloc(0)), "empty"],
    ["a web page", () => Buffer.from("<html>502 Bad Gateway</html>"), "not a mongodump archive"],
    ["a compressed error text", () => gzipSync("mongodump: error: cannot connect"), "not a mongodump archive"],
    ["a cut in mid document", () => archive().subarray(0, archive().indexOf(A[7] ?? END) + 9), "cut short in a"],
    ["a cut exactly between two namespaces", () => Buffer.concat(pieces().slice(0, 5 + A.length + 4)), "ended before all of its collections did: b"],
    ["a gzip cut short", () => gzipSync(archive()).subarray(0, -20), "cut short"],
    ["a wrong CRC", wrongCrc, "checksum of a is wrong"],
    ["a byte flipped inside a document", flippedInside, "checksum of a is wrong"],
    ["a flipped length byte", flippedLength, "damaged"],
    ["a namespace that is not listed", () => Buffer.concat([MAGIC, archiveHeader, listed("a"), END, ...whole("x", A)]), "not in the archive's list"],
    ["eight NULs after the end", () => Buffer.concat([archive(), Buffer.alloc(8)]), "Neither a document nor the end"],
    ["a text after the end", () => Buffer.concat([archive(), Buffer.from("oops")]), "Neither a document"],
    ["one byte after the end", () => Buffer.concat([archive(), Buffer.from("x")]), "follow the last block"],
    ["a second archive behind it", () => Buffer.concat([archive(), archive()]), "Neither a document"],
    ["NULs after the gzip", () => Buffer.concat([gzipSync(archive()), Buffer.alloc(8)]), "follow the compressed archive"],
    ["a text after the gzip", () => Buffer.concat([gzipSync(archive()), Buffer.from("trailing text")]), "compressed file is damaged"],
    ["a list without documents", () => Buffer.concat([MAGIC, archiveHeader, listed("a"), END]), "ended before all of its collections did: a"],
    ["a namespace without its end", () => Buffer.concat([MAGIC, archiveHeader, listed("a"), END, ...block("a", A)]), "ended before all"],
    ["documents after a namespace's end", () => Buffer.concat([...pieces(), ...block("a", A)]), "goes on after its end"],
    ["two ends of one namespace", () => Buffer.concat([...pieces(), ...endBlock("a", crcOf(A))]), "goes on after its end"],
    ["a collection listed twice", () => Buffer.concat([MAGIC, archiveHeader, listed("a"), listed("a"), END]), "listed twice"],
    ["a document outside of a block", () => Buffer.concat([MAGIC, archiveHeader, listed("a"), END, A[0] ?? END]), "db is missing"],
    [
      "a document of 16 MiB and one byte",
      () => Buffer.concat([MAGIC, archiveHeader, listed("a"), END, ...whole("a", [documentOf(16 * 1024 * 1024 + 1, 1)])]),
      "Neither a document",
    ],
    ["a NUL in a collection's name", () => Buffer.concat([MAGIC, archiveHeader, listed("a\0b"), END, ...whole("a\0b", A)]), "no database has"],
    ["a collection without a name", () => Buffer.concat([MAGIC, archiveHeader, listed(""), END, ...whole("", A)]), "no database has"],
    ["no header", () => Buffer.concat([MAGIC, END]), "A block ends where none is open"],
  ])("refuses %s", async (_name, make, message) => {
    expect(await refusal(make())).toContain(message);
  });

  const looseHeader = (fields: Record<string, unknown>) =>
    Buffer.concat([MAGIC, archiveHeader, listed("a"), END, bson({ db: "d", collection: "a", EOF: true, ...fields }), END]);
  it("takes loose namespace headers of old tools, and refuses them when it is strict", async () => {
    for (const file of [looseHeader({ CRC: new Int32(0) }), looseHeader({ CRC: Long.ZERO, extra: 1 })]) {
      expect(await read(file, { strict: false })).toMatchObject({ counts: { a: 0 } });
      expect(await refusal(file)).toMatch(/no checksum|does not know/);
    }
    expect(await refusal(looseHeader({}), { strict: false })).toContain("no checksum");
  });

  it("refuses every one of 200 truncations and 200 flipped bits, plain and gzip", async () => {
    const next = random(42);
    for (const file of [archive(), gzipSync(archive(), { level: 1 })]) {
      const expected = JSON.stringify(await read(file));
      for (let round = 0; round < 100; round++) {
        const length = Math.floor(next() * file.length);
        expect(await refusal(file.subarray(0, length)), `cut at ${length}`).not.toBe("read");
        const flipped = Buffer.from(file);
        const at = Math.floor(next() * file.length);
        flipped[at] = (flipped[at] ?? 0) ^ (1 << Math.floor(next() * 8));
        // Some bits carry nothing (the gzip header's time, a version text): then the content must be what it was.
        const answer = await read(flipped).then(
          (found) => JSON.stringify({ ...found, collections: [] }),
          (error: unknown) => (error instanceof ArchiveError ? "refused" : String(error)),
        );
        expect([JSON.stringify({ ...(JSON.parse(expected) as Read), collections: [] }), "refused"], `bit at ${at}`).toContain(answer);
      }
    }
  });

  it("refuses a cut at every border between records, and at the edges", async () => {
    const file = archive();
    let border = 0;
    const borders = pieces().map((piece) => (border += piece.length));
    expect(borders.pop()).toBe(file.length);
    for (const length of [0, 1, 4, ...borders, Math.floor(file.length * 0.3), Math.floor(file.length * 0.95), file.length - 1]) {
      expect(await refusal(file.subarray(0, length)), `cut at ${length}`).not.toBe("read");
      // A whole gzip file around half an archive: nothing but the archive itself tells.
      expect(await refusal(gzipSync(file.subarray(0, length))), `cut at ${length}, compressed`).not.toBe("read");
    }
  });

  it("stops at a bomb", async () => {
    const zeros = documentOf(15 * 1024 * 1024, 1);
    const bomb = gzipSync(
      Buffer.concat([
        MAGIC,
        archiveHeader,
        listed("a"),
        END,
        bson({ db: "d", collection: "a", EOF: false, CRC: Long.ZERO }),
        ...Array.from({ length: 16 }, () => zeros),
      ]),
      { level: constants.Z_BEST_COMPRESSION },
    );
    expect(await refusal(bomb, { chunk: 65_536 })).toContain("expands to far more");
    expect(await refusal(gzipSync(archive()), { expandedBytesMax: 1_000 })).toContain("expands to far more");
  });

  it("stops early in ten gigabytes that come out of ten megabytes", async () => {
    const head = gzipSync(Buffer.concat([MAGIC, archiveHeader, listed("a"), END, bson({ db: "d", collection: "a", EOF: false, CRC: Long.ZERO })]));
    const member = gzipSync(documentOf(15 * 1024 * 1024, 1));
    let members = 0;
    const source = Readable.from(
      (function* () {
        yield head;
        for (; members < 700; members++) yield member;
      })(),
    );
    const reading = (async () => {
      for await (const event of readArchive(source)) expect(event.kind).not.toBe("end");
    })();
    await expect(reading).rejects.toThrow("expands to far more");
    expect(members).toBeLessThan(70);
  });

  it("stops when it is cancelled", async () => {
    await expect(read(archive(), { signal: AbortSignal.abort() })).rejects.toThrow("aborted");
  });
});

describe("metadata", () => {
  const uuid = new BSON.Binary(Buffer.alloc(16, 0xab), 4);
  const entry = Buffer.from(
    BSON.serialize(
      new Map<string, unknown>([
        ["name", "c"],
        ["type", "collection"],
        [
          "options",
          new Map([
            ["capped", true],
            ["size", Long.fromNumber(4096)],
            [
              "validator",
              new Map<string, unknown>([
                ["b", 1],
                ["2", new BSON.Double(1)],
              ]),
            ],
          ] as [string, unknown][]),
        ],
        ["info", { readOnly: false, uuid }],
      ]),
    ),
  );
  const index = Buffer.from(
    BSON.serialize(
      new Map<string, unknown>([
        ["v", 2],
        [
          "key",
          new Map([
            ["a", 1],
            ["2", -1],
          ]),
        ],
        ["name", "a_1_2_-1"],
        ["ns", "d.c"],
        ["partialFilterExpression", new Map()],
      ]),
    ),
  );
  const idIndex = Buffer.from(BSON.serialize({ v: 2, key: { _id: 1 }, name: "_id_" }));

  it("is written canonically from raw bytes", () => {
    expect(metadataText(describeCollection(entry), [idIndex, index])).toBe(
      '{"indexes":[{"v":{"$numberInt":"2"},"key":{"_id":{"$numberInt":"1"}},"name":"_id_"},{"v":{"$numberInt":"2"},"key":{"a":{"$numberInt":"1"},"2":{"$numberInt":"-1"}},"name":"a_1_2_-1","ns":"d.c","partialFilterExpression":{}}],' +
        '"uuid":"abababababababababababababababab","collectionName":"c","type":"collection","options":{"capped":true,"size":{"$numberLong":"4096"},"validator":{"b":{"$numberInt":"1"},"2":{"$numberDouble":"1.0"}}}}',
    );
  });

  it("is read with the order of keys and the types of numbers", () => {
    const parsed = parseMetadata({ collection: "c", type: "collection", metadata: metadataText(describeCollection(entry), [idIndex, index]) });
    expect([...parsed.options.keys()]).toEqual(["capped", "size", "validator"]);
    expect([...(parsed.options.get("validator") as Map<string, unknown>).keys()]).toEqual(["b", "2"]);
    expect(parsed.indexes).toHaveLength(1);
    expect([...(parsed.indexes[0] as Map<string, unknown>).keys()]).toEqual(["key", "name", "partialFilterExpression"]);
    expect([...((parsed.indexes[0] as Map<string, unknown>).get("key") as Map<string, unknown>).keys()]).toEqual(["a", "2"]);
    expect(parsed.idIndex?.get("name")).toBe("_id_");
  });

  it("is refused when it is no metadata", () => {
    for (const metadata of ["[]", "{", '{"indexes":[1]}', '{"options":{"a":1,"a":2}}'])
      expect(() => parseMetadata({ collection: "c", type: "", metadata })).toThrow(ArchiveError);
  });
});
