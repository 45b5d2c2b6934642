/** Every kind of collection and of BSON value, each where the server takes and keeps it: what it does not is said and skipped. */
import { BSON, type Document } from "mongodb";
import { describe, expect, it } from "vitest";

import { insertDocuments, oldValue, rawContent, rawDocument, rawElement } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-documents";
import { catalogue, rows } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-swaps";
import { refusal, startSuite, throughBackup } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-suite";

const suite = await startSuite();
const { database } = suite;

describe("a collection comes back as it was:", () => {
  it.for<[string, Document]>([
    ["capped, by bytes and documents", { capped: true, size: 65_536, max: 500 }],
    ["clustered", { clusteredIndex: { key: { _id: 1 }, unique: true, name: "own name" } }],
    ["clustered, expiring", { clusteredIndex: { key: { _id: 1 }, unique: true }, expireAfterSeconds: 3_600 }],
    ["a time series", { timeseries: { timeField: "at", metaField: "label", granularity: "minutes" } }],
    ["a time series that expires", { timeseries: { timeField: "at" }, expireAfterSeconds: 3_000_000_000 }],
    ["with a collation", { collation: { locale: "de", strength: 1, numericOrdering: true } }],
    ["with a schema that only warns", { validator: { $jsonSchema: { required: ["absent"] } }, validationAction: "warn" }],
    ["with rules for what is new", { validator: { n: { $gte: 5 } }, validationLevel: "moderate" }],
    ["with images for change streams", { changeStreamPreAndPostImages: { enabled: true } }],
    ["with options of the storage engine", { storageEngine: { wiredTiger: { configString: "block_compressor=zlib" } } }],
    ["a view", { viewOn: "rows", pipeline: [{ $match: { n: { $gt: 1 } } }, { $project: { "2": 1, a: 1 } }] }],
    ["a view with a collation", { viewOn: "rows", pipeline: [], collation: { locale: "fr", strength: 2 } }],
    ["a view on a view", { viewOn: "other view", pipeline: [{ $limit: 1 }] }],
  ])("%s", async ([, options], { skip }) => {
    const source = database("kinds");
    await insertDocuments(source.db.collection("rows"), rows(4, "rows"));
    if (options["viewOn"] === "other view") await source.db.command({ create: "other view", viewOn: "rows", pipeline: [] });
    const refused = await refusal(source.db.command({ create: "tested", ...options }));
    skip(refused !== null, `this server refuses it: ${refused}`);
    const [entry] = await source.db.listCollections({ name: "tested" }).toArray();
    const kept = JSON.stringify(entry && "options" in entry ? entry.options : {});
    const dropped = Object.keys(options).filter((option) => !kept.includes(`"${option}"`));
    skip(dropped.length > 0, `this server does not keep: ${dropped.join(", ")}`);
    if (!("viewOn" in options)) {
      const documents = rows(12, "tested").map((raw, index) => ({ ...BSON.deserialize(raw), at: new Date(index * 1_000) }));
      await source.db.command({ insert: "tested", documents, bypassDocumentValidation: true });
    }
    const before = await catalogue(source.db);
    const { target, staged } = await throughBackup(suite, source);
    expect(staged.skipped).toEqual([]);
    expect(await catalogue(target.db)).toEqual(before);
  });
});

describe("a value comes back to the byte:", () => {
  const int64 = (value: bigint) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(value);
    return bytes;
  };
  it.for<[string, () => Buffer[]]>([
    ["a key that is there twice", () => [rawElement(16, "twice", Buffer.alloc(4)), rawElement(16, "twice", Buffer.from([1, 0, 0, 0]))]],
    ["text that is not UTF-8", () => [rawElement(2, "text", oldValue.text(Buffer.from([0x68, 0xe9])))]],
    ["a key that is not UTF-8", () => [rawElement(10, Buffer.from([0x68, 0xe9]))]],
    ["an empty key", () => [rawElement(10, "")]],
    ["keys like numbers, out of order", () => ["10", "2", "1"].map((key) => rawElement(10, key))],
    ["$- and dotted keys, __proto__", () => ["$a", "a.b", "__proto__", "constructor"].map((key) => rawElement(10, key))],
    ["the last date of JavaScript", () => [rawElement(9, "date", int64(8_640_000_000_000_000n))]],
    ["a date beyond it", () => [rawElement(9, "date", int64(2n ** 62n))]],
    ["a timestamp of zero", () => [rawElement(17, "zero", Buffer.alloc(8))]],
    ["a Symbol", () => [rawElement(14, "symbol", oldValue.text("s"))]],
    ["a DBPointer", () => [rawElement(12, "pointer", Buffer.concat([oldValue.text("db.c"), Buffer.alloc(12, 1)]))]],
    ["undefined", () => [rawElement(6, "undefined")]],
    ["code with scope", () => [rawElement(15, "scoped", oldValue.scoped())]],
    ["a regular expression with every flag", () => [rawElement(11, "regex", Buffer.from("(?i)a\0ilmsux\0"))]],
    ["an old binary with a length in it", () => [rawElement(5, "old", Buffer.from([6, 0, 0, 0, 2, 2, 0, 0, 0, 9, 9]))]],
    ["a NaN with a payload", () => [rawElement(1, "nan", Buffer.from("010000000000f07f", "hex"))]],
    ["a decimal with a trailing zero", () => [rawElement(19, "decimal", Buffer.from("6e000000000000000000000000003c30", "hex"))]],
    ["an array whose keys are no numbers", () => [rawElement(4, "array", rawDocument(rawElement(10, "x"), rawElement(10, "y")))]],
    ["a $ref with more fields than one has", () => [rawElement(3, "ref", Buffer.from(BSON.serialize({ $ref: "c", $id: 1, $db: "d", more: 1 })))]],
  ])("%s", async ([, make], { skip }) => {
    const source = database("values");
    const document = rawDocument(rawElement(16, "_id", Buffer.alloc(4)), ...make());
    const refused = await refusal(insertDocuments(source.db.collection("tested"), [document]));
    skip(refused !== null, `this server refuses it: ${refused}`);
    const before = await rawContent(source.db.collection("tested"));
    skip(before[0] !== document.toString("base64"), "this server changes it");
    const { target } = await throughBackup(suite, source);
    expect(await rawContent(target.db.collection("tested"))).toEqual(before);
  });
});
