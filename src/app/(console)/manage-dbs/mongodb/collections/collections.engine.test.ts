import { BSON, Decimal128, Double, Int32, Long, MaxKey, MinKey, MongoClient, ObjectId, Timestamp } from "mongodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { toEjson } from "@/app/(console)/manage-dbs/mongodb/bson-ejson";
import { listCollections } from "@/app/(console)/manage-dbs/mongodb/collections/collections.service";
import type { DocumentsInput, DocumentsPage } from "@/app/(console)/manage-dbs/mongodb/collections/collections.schema";
import { countDocuments, documents, getDocument } from "@/app/(console)/manage-dbs/mongodb/collections/documents.service";
import { exportCollection } from "@/app/(console)/manage-dbs/mongodb/collections/export.service";
import { getSchema } from "@/app/(console)/manage-dbs/mongodb/collections/schema.service";
import { closeAll } from "@/app/(console)/manage-dbs/mongodb/mongodb.client";
import { brokenTypes, documentOf, everyType, farDates, insertDocuments, oldTypes, rawContent } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-documents";
import { testConnection } from "@/test/connections";
import { testServers, uniqueName } from "@/test/servers";

const { EJSON } = BSON;
const database = uniqueName("collections");
const connection = testConnection("mongodb", testServers.mongodb, { database });
const client = new MongoClient(testServers.mongodb);
const db = client.db(database);

beforeAll(async () => {
  await client.connect();
});
afterAll(async () => {
  await db.dropDatabase();
  await client.close();
  await closeAll();
});

type Query = Partial<Omit<DocumentsInput, "collection">>;

/** Follows the cursor to the end; every page as the service gave it. */
async function allPages(collection: string, query: Query = {}): Promise<DocumentsPage[]> {
  const pages: DocumentsPage[] = [];
  let after: string | undefined;
  do {
    const page = await documents(connection, { collection, limit: 3, ...query, ...(after ? { after } : {}) }, {});
    pages.push(page);
    after = page.nextCursor ?? undefined;
  } while (after && pages.length < 200);
  return pages;
}

const texts = (pages: DocumentsPage[]): string[] => pages.flatMap((page) => page.documents.map((document) => document.text));
const idOf = (text: string): string => /^\{"_id":(.*?)(?:,"|\}$)/.exec(text)?.[1] ?? text;

describe("documents", () => {
  it("shows every type byte for byte", async () => {
    await insertDocuments(db.collection("types"), [everyType()]);
    expect(await rawContent(db.collection("types"))).toEqual([everyType().toString("base64")]);
    const page = await documents(connection, { collection: "types", limit: 10 }, {});
    expect(page.documents[0]).toMatchObject({ text: toEjson(everyType()), cuts: [], problem: null });
    const found = await getDocument(connection, { collection: "types", key: page.documents[0]?.key ?? "" }, {});
    expect(found.text).toBe(toEjson(everyType()));
  });

  it("shows what old drivers wrote as the server holds it", async () => {
    await insertDocuments(db.collection("old"), [oldTypes()]);
    const [held] = await rawContent(db.collection("old"));
    const page = await documents(connection, { collection: "old", limit: 10 }, {});
    expect(page.documents[0]?.text).toBe(toEjson(Buffer.from(held ?? "", "base64")));
    expect(page.documents[0]?.text).toContain('"zero":{"$timestamp":{"t":0,"i":0}}');
  });

  it.each([
    [
      "not UTF-8 and keys that stand twice",
      brokenTypes,
      '{"_id":{"$numberInt":"8"},"twice":{"$numberInt":"1"},"twice":{"$numberInt":"2"},"latin1":{"$invalidUtf8":"aOk="}}',
    ],
    [
      "dates beyond JavaScript",
      farDates,
      '{"_id":{"$numberInt":"9"},"edge":{"$date":{"$numberLong":"8640000000000000"}},"far":{"$date":{"$numberLong":"4611686018427387904"}}}',
    ],
  ])("shows %s, where the server takes them", async (name, make, text) => {
    const taken = await insertDocuments(db.collection(name), [make()]).then(
      () => [text],
      () => [],
    );
    const page = await documents(connection, { collection: name, limit: 10 }, {});
    expect(page.documents.map((document) => document.text)).toEqual(taken);
  });

  it("pages through _ids of all types, each document once and in the server's order, both ways", async () => {
    const ids = [
      new MinKey(),
      5,
      new Double(2.5),
      new Double(NaN),
      new Double(-Infinity),
      Long.fromString("9007199254740993"),
      Decimal128.fromString("7.10"),
      "a",
      "b",
      "",
      { a: 1 },
      { a: 2, b: 1 },
    ]
      .concat([
        new BSON.Binary(Buffer.from("x")),
        new BSON.Binary(Buffer.from("yy")),
        new ObjectId(),
        new ObjectId(),
        true,
        false,
        new Date(0),
        new Date(5),
        new Timestamp({ t: 1, i: 1 }),
      ] as never[])
      .concat([new MaxKey(), 1, 2, 3, 4, "c", "d"] as never[]);
    const collection = db.collection<{ _id: unknown }>("mixed");
    await insertDocuments(
      db.collection("mixed"),
      ids.map((id) => Buffer.from(BSON.serialize({ _id: id, x: 1 }))),
    );
    for (const direction of [1, -1] as const) {
      const expected = (await collection.find({}, { sort: { _id: direction }, raw: true }).toArray()).map((raw) =>
        Buffer.from(raw as unknown as Buffer).toString("hex"),
      );
      const pages = await allPages("mixed", { sort: `{"_id":${direction}}` });
      expect(pages.length).toBeGreaterThan(8);
      const got = texts(pages).map((text) => Buffer.from(BSON.serialize(EJSON.parse(text, { relaxed: false }) as BSON.Document)).toString("hex"));
      expect(got).toEqual(expected);
      expect(pages.at(-1)?.notice).toBeNull();
    }
    expect(texts(await allPages("mixed", { filter: '{"_id": {"$type": ["string", "bool"]}}' })).map(idOf)).toEqual([
      '""',
      '"a"',
      '"b"',
      '"c"',
      '"d"',
      "false",
      "true",
    ]);
  });

  it("pages by other fields with ties, missing values, null and NaN, both ways", async () => {
    const values: unknown[] = [
      1,
      1,
      1,
      1,
      2,
      2,
      null,
      null,
      undefined,
      undefined,
      "x",
      "x",
      "y",
      new Double(NaN),
      new Double(NaN),
      true,
      new Date(0),
      { z: 1 },
      Long.fromNumber(1),
      new Double(1),
      new MinKey(),
      new MaxKey(),
    ];
    const rows = values.map((value, index) => ({ _id: index % 2 ? `s${index}` : index, ...(value === undefined ? {} : { f: value }), g: { h: index % 3 } }));
    await insertDocuments(
      db.collection("sorted"),
      rows.map((row) => Buffer.from(BSON.serialize(row))),
    );
    for (const sort of ['{"f":1}', '{"f":-1}', '{"f":1,"_id":-1}', '{"g.h":-1,"f":1}', '{"g.h":1,"f":-1,"_id":-1}']) {
      const order = new Map(Object.entries(JSON.parse(sort) as Record<string, 1 | -1>));
      const expected = await db.collection("sorted").find({}, { sort: order }).toArray();
      const got = texts(await allPages("sorted", { sort })).map((text) => EJSON.parse(text) as BSON.Document);
      expect(new Set(got.map((row) => String(row["_id"]))).size, sort).toBe(rows.length);
      const keys = (row: BSON.Document) =>
        [...order.keys()].map((path) => EJSON.stringify(path === "g.h" ? (row["g"] as BSON.Document)["h"] : (row[path] ?? null)));
      expect(got.map(keys), sort).toEqual(expected.map(keys));
    }
  });

  it("pages through documents that are equal in the sort, whatever the types and the size of the page", async () => {
    const equal: unknown[] = [1, new Double(1), Long.fromNumber(1), Decimal128.fromString("1.0"), 1, 1, new Double(1)];
    const near = [Long.fromString("9007199254740993"), new Double(9007199254740992), Long.fromString("9007199254740992"), new Double(0), new Double(-0), 0];
    const rows = [...equal, ...near, "a", "a", "A", "b", { x: 1 }, { x: new Double(1) }].map((f, index) => ({ _id: 100 - index, f, g: index % 2 }));
    const plain = rows.map((row) => Buffer.from(BSON.serialize(row)));
    await insertDocuments(db.collection("equal"), plain);
    await db.createCollection("collated", { collation: { locale: "en", strength: 2 } });
    await insertDocuments(db.collection("collated"), plain);
    for (const collection of ["equal", "collated"]) {
      for (const sort of ['{"f":1}', '{"f":-1}', '{"g":1,"f":1}']) {
        for (const limit of [1, 2, 5]) {
          const ids = texts(await allPages(collection, { sort, limit })).map((text) => EJSON.parse(text)._id as number);
          expect(
            [...ids].sort((a, b) => a - b),
            `${collection} ${sort} ${limit}`,
          ).toEqual(rows.map((row) => row._id).toReversed());
        }
      }
    }
  });

  it("never shows a document twice where the sorted field holds arrays, and says where pages end", async () => {
    const rows = [{ _id: 1, f: 1 }, { _id: 2, f: [1, 10] }, { _id: 3, f: 5 }, { _id: 4, f: [null, 7] }, { _id: 5, f: 9 }, { _id: 6, f: 11 }, { _id: 7 }];
    await insertDocuments(
      db.collection("arrays"),
      rows.map((row) => Buffer.from(BSON.serialize(row))),
    );
    const all = texts(await allPages("arrays", { sort: '{"f":1}', limit: 5 })).map((text) => EJSON.parse(text)._id as number);
    expect([...all].sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    const stopped = await documents(connection, { collection: "arrays", sort: '{"f":1}', filter: '{"_id": {"$in": [2, 3]}}', limit: 1 }, {});
    expect(stopped.nextCursor).toBeNull();
    expect(stopped.notice).toContain("holds an array");
  });

  it("refuses a cursor of another sort, a damaged one, and a projection that breaks the order", async () => {
    const page = await documents(connection, { collection: "sorted", limit: 2 }, {});
    const refused = { code: "INVALID" };
    await expect(documents(connection, { collection: "sorted", limit: 2, sort: '{"f":1}', after: page.nextCursor ?? "" }, {})).rejects.toMatchObject(refused);
    await expect(documents(connection, { collection: "sorted", limit: 2, after: "xx" }, {})).rejects.toMatchObject(refused);
    await expect(documents(connection, { collection: "sorted", limit: 2, sort: '{"f":1}', projection: '{"g":1}' }, {})).rejects.toMatchObject(refused);
    await expect(getDocument(connection, { collection: "sorted", key: "AAAA" }, {})).rejects.toMatchObject(refused);
    expect((await documents(connection, { collection: "sorted", limit: 2, sort: '{"f":1}', projection: '{"f":1}' }, {})).documents).toHaveLength(2);
  });

  it("opens, cuts and exports a document of 16 MB", async () => {
    const big = documentOf(16 * 1024 * 1024, 1);
    await insertDocuments(db.collection("big"), [big, documentOf(100, 2)]);
    const page = await documents(connection, { collection: "big", limit: 10 }, {});
    expect(page.documents.map((document) => document.bytes)).toEqual([big.length, 100]);
    expect(page.documents[0]?.text.length).toBeLessThan(30_000);
    expect(page.documents[0]?.cuts).toMatchObject([{ path: ["text"], type: "String" }]);
    const whole = await getDocument(connection, { collection: "big", key: page.documents[0]?.key ?? "" }, {});
    expect(whole.cuts).toHaveLength(1);
    let bytes = 0;
    for await (const chunk of exportCollection(connection, { collection: "big", format: "canonical" }, {})) bytes += chunk.length;
    expect(bytes).toBeGreaterThan(16 * 1024 * 1024);
    expect(bytes).toBeLessThan(16 * 1024 * 1024 + 300);
  });

  it("counts exactly and by filter", async () => {
    expect(await countDocuments(connection, { collection: "sorted" }, {})).toMatchObject({ count: 22, exact: true });
    expect(await countDocuments(connection, { collection: "sorted", filter: '{"f": 1}' }, {})).toMatchObject({ count: 6, exact: true });
  });

  it("stops when it is cancelled", async () => {
    await expect(documents(connection, { collection: "sorted", limit: 2 }, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "CANCELLED" });
  });
});

describe("export", () => {
  it("writes every document as canonical Extended JSON that is the same bytes again", async () => {
    let text = "";
    for await (const chunk of exportCollection(connection, { collection: "mixed", format: "canonical" }, {})) text += Buffer.from(chunk).toString();
    const again = text
      .trimEnd()
      .split("\n")
      .map((line) => Buffer.from(BSON.serialize(EJSON.parse(line, { relaxed: false }) as BSON.Document)).toString("base64"));
    expect(again.sort()).toEqual(await rawContent(db.collection("mixed")));
  });

  it("fails for a collection that is not there, instead of writing nothing", async () => {
    await expect(exportCollection(connection, { collection: "nope", format: "canonical" }, {}).next()).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});

describe("collections and schema", () => {
  it("lists collections with sizes and estimates", async () => {
    const list = await listCollections(connection, {}, {});
    expect(list.databases.map((entry) => entry.name)).toContain(database);
    expect(list.collections.find((collection) => collection.name === "sorted")).toMatchObject({ kind: "collection", count: 22 });
    expect(list.collections.find((collection) => collection.name === "big")?.bytes).toBeGreaterThan(0);
  });

  it("infers fields with shares, types and ranges", async () => {
    const rows = [
      { _id: 1, rate: 1.5, tags: ["a", "bb"], at: new Date(0), inner: { x: new Int32(1) } },
      { _id: 2, rate: 2.5, tags: [], at: new Date(1), inner: { x: new Int32(9), y: null } },
      { _id: 3, rate: "3", amount: Decimal128.fromString("184467440737095516.15") },
      { _id: 4, rate: 0.5, amount: Decimal128.fromString("1.10") },
    ];
    await insertDocuments(
      db.collection("inferred"),
      rows.map((row) => Buffer.from(BSON.serialize(row))),
    );
    await db.collection("inferred").createIndex(
      new Map([
        ["b", 1],
        ["2", -1],
      ] as [string, 1 | -1][]),
      { unique: true, sparse: true },
    );
    const schema = await getSchema(connection, { collection: "inferred" }, {});
    expect(schema.sampledDocuments).toBe(4);
    const field = (path: string) => schema.fields.find((entry) => entry.path.join(".") === path);
    expect(field("rate")).toMatchObject({ count: 4, share: 1 });
    expect(field("rate")?.types.map((type) => [type.type, type.share])).toEqual([
      ["Double", 0.75],
      ["String", 0.25],
    ]);
    expect(field("rate")?.types[0]).toMatchObject({ min: "0.5", max: "2.5" });
    expect(field("amount")).toMatchObject({ share: 0.5, types: [{ type: "Decimal128", min: "1.10", max: "184467440737095516.15" }] });
    expect(field("inner.y")).toMatchObject({ share: 0.5, types: [{ type: "Null" }] });
    expect(field("tags")?.types[0]).toMatchObject({ type: "Array", lengths: { min: 0, max: 2 } });
    expect(field("tags.[]")?.types[0]).toMatchObject({ type: "String", count: 2, lengths: { min: 1, max: 2 } });
    expect(field("at")?.types[0]).toMatchObject({ min: "1970-01-01T00:00:00.000Z", max: "1970-01-01T00:00:00.001Z" });
    const index = schema.indexes.find((entry) => entry.name !== "_id_");
    expect(index).toMatchObject({ key: '{"b":1,"2":-1}', unique: true, sparse: true });
  });

  it("says what a missing collection is", async () => {
    await expect(getSchema(connection, { collection: "nope" }, {})).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("takes names with spaces, emoji and dots", async () => {
    for (const name of ["with space", "emoji 🦊", "a.b.c", 'quo"te']) {
      await insertDocuments(db.collection(name), [documentOf(60, 1)]);
      expect((await documents(connection, { collection: name, limit: 1 }, {})).documents).toHaveLength(1);
    }
  });
});
