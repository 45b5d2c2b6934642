import { Binary, BSON, BSONRegExp, BSONSymbol, Code, Decimal128, Double, Int32, Long, MaxKey, MinKey, ObjectId, Timestamp } from "mongodb";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { toCutEjson, toEjson } from "@/app/(console)/manage-dbs/mongodb/bson-ejson";
import { toOrderedDocument } from "@/app/(console)/manage-dbs/mongodb/bson-values";
import { BsonError, findPath, findTopLevel, packValue, unpackValue, validateBson } from "@/app/(console)/manage-dbs/mongodb/bson-walk";
import { parseJsonTree } from "@/app/(console)/manage-dbs/mongodb/ejson-parse";
import { nodeToValue } from "@/app/(console)/manage-dbs/mongodb/ejson-values";

const { EJSON } = BSON;

/** A raw document of hand-made elements: what no driver would write. */
function rawDocument(...elements: Buffer[]): Buffer {
  const body = Buffer.concat([...elements, Buffer.from([0])]);
  const length = Buffer.alloc(4);
  length.writeInt32LE(body.length + 4);
  return Buffer.concat([length, body]);
}
const element = (type: number, name: string | Buffer, value: Buffer = Buffer.alloc(0)) =>
  Buffer.concat([Buffer.from([type]), Buffer.from(name), Buffer.from([0]), value]);
const int32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
};
const int64 = (value: bigint) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(value);
  return bytes;
};
const bsonString = (text: Buffer) => Buffer.concat([int32(text.length + 1), text, Buffer.from([0])]);

const scalar = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.boolean(),
  fc.constant(null),
  fc.integer().map((value) => new Int32(value)),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value) => Long.fromBigInt(value)),
  fc.double({ noNaN: true }).map((value) => new Double(value)),
  fc.constantFrom(new Double(1), new Double(-0), new Double(1e21), new Double(5e-324), new Double(Infinity), new Double(-Infinity), new Double(NaN)),
  fc.constantFrom("1.10", "-0", "NaN", "Infinity", "9.999999999999999999999999999999999E+6144", "1E-6176").map((text) => Decimal128.fromString(text)),
  fc.uint8Array({ minLength: 12, maxLength: 12 }).map((bytes) => new ObjectId(bytes)),
  fc.tuple(fc.uint8Array({ maxLength: 40 }), fc.constantFrom(0, 1, 2, 3, 5, 6, 128)).map(([bytes, subType]) => new Binary(bytes, subType)),
  fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => new Binary(bytes, 4)),
  fc.integer({ min: -8_640_000_000_000, max: 8_640_000_000_000 }).map((value) => new Date(value * 1000)),
  fc.tuple(fc.nat(), fc.nat()).map(([t, i]) => new Timestamp({ t, i })),
  fc.constantFrom(new MinKey(), new MaxKey(), new BSONRegExp("^a\\/b", "im"), new BSONSymbol("sym"), new Code("function () {}"), new Code("f", { x: 1 })),
);
const key = fc.string({ minLength: 1, maxLength: 8 }).filter((text) => !/^\$|^\d+$|\0/.test(text) && text !== "__proto__");
const { document } = fc.letrec<{ document: Record<string, unknown>; value: unknown }>((tie) => ({
  document: fc.dictionary(key, tie("value"), { maxKeys: 5, noNullPrototype: true }),
  value: fc.oneof({ depthSize: "small", withCrossShrink: true }, scalar, fc.array(tie("value"), { maxLength: 3 }), tie("document")),
}));

describe("canonical Extended JSON from raw bytes", () => {
  it("comes back byte for byte through the driver's own parser", () => {
    fc.assert(
      fc.property(document, (value) => {
        const bytes = Buffer.from(BSON.serialize(value));
        validateBson(bytes, { depthMax: 100 });
        const again = Buffer.from(BSON.serialize(EJSON.parse(toEjson(bytes), { relaxed: false }) as BSON.Document));
        expect(again.toString("hex")).toBe(bytes.toString("hex"));
      }),
      { numRuns: 500 },
    );
  });

  it("comes back byte for byte through the console's own reader, order of keys included", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(fc.string({ minLength: 1, maxLength: 4, unit: fc.constantFrom("0", "1", "9", "a", "b", ".") }), scalar), {
          selector: ([name]) => name,
          maxLength: 6,
        }),
        (pairs) => {
          const bytes = Buffer.from(BSON.serialize(new Map(pairs)));
          const again = Buffer.from(BSON.serialize(nodeToValue(parseJsonTree(toEjson(bytes), { depthMax: 100 })) as Map<string, unknown>));
          expect(again.toString("hex")).toBe(bytes.toString("hex"));
          expect(Buffer.from(BSON.serialize(toOrderedDocument(bytes))).toString("hex")).toBe(bytes.toString("hex"));
        },
      ),
      { numRuns: 500 },
    );
  });

  it("keeps what a decode would lose", () => {
    const far = 2n ** 62n;
    const bytes = rawDocument(
      element(16, "b", int32(1)),
      element(16, "10", int32(2)),
      element(16, "2", int32(3)),
      element(16, "b", int32(4)),
      element(3, "__proto__", rawDocument(element(8, "x", Buffer.from([1])))),
      element(14, "symbol", bsonString(Buffer.from("s"))),
      element(12, "pointer", Buffer.concat([bsonString(Buffer.from("db.c")), Buffer.from("0123456789abcdef01234567", "hex")])),
      element(6, "gone"),
      element(9, "far", int64(far)),
      element(17, "zero", Buffer.alloc(8)),
      element(11, "regex", Buffer.from("(?i)a\0ilmsux\0")),
      element(2, "latin1", bsonString(Buffer.from([0x68, 0xe9]))),
      element(10, Buffer.from([0x6b, 0xff])),
      element(2, "replacement", bsonString(Buffer.from("\uFFFD"))),
    );
    validateBson(bytes, { depthMax: 100 });
    expect(toEjson(bytes)).toBe(
      '{"b":{"$numberInt":"1"},"10":{"$numberInt":"2"},"2":{"$numberInt":"3"},"b":{"$numberInt":"4"},"__proto__":{"x":true},"symbol":{"$symbol":"s"},' +
        '"pointer":{"$dbPointer":{"$ref":"db.c","$id":{"$oid":"0123456789abcdef01234567"}}},"gone":{"$undefined":true},' +
        `"far":{"$date":{"$numberLong":"${far}"}},"zero":{"$timestamp":{"t":0,"i":0}},"regex":{"$regularExpression":{"pattern":"(?i)a","options":"ilmsux"}},` +
        '"latin1":{"$invalidUtf8":"aOk="},"$invalidUtf8:a/8=":null,"replacement":"\uFFFD"}',
    );
  });

  it("writes relaxed numbers only where they are exact", () => {
    const bytes = Buffer.from(
      BSON.serialize({
        i: new Int32(5),
        l: Long.fromString("9007199254740993"),
        s: Long.fromNumber(7),
        d: new Double(1),
        z: new Double(-0),
        n: new Double(NaN),
        at: new Date(0),
        old: new Date(-1),
      }),
    );
    expect(toEjson(bytes, { relaxed: true })).toBe(
      '{"i":5,"l":{"$numberLong":"9007199254740993"},"s":7,"d":1.0,"z":-0.0,"n":{"$numberDouble":"NaN"},"at":{"$date":"1970-01-01T00:00:00.000Z"},"old":{"$date":{"$numberLong":"-1"}}}',
    );
  });

  it("cuts a huge document to a small valid one and says what is missing", () => {
    const bytes = Buffer.from(
      BSON.serialize({
        _id: 1,
        text: "ü".repeat(2_000_000),
        list: Array.from({ length: 200_000 }, (_, index) => index),
        blob: new Binary(Buffer.alloc(1_000_000)),
        last: 1,
      }),
    );
    const cut = toCutEjson(bytes, { wholeBytesMax: 16_384, textMax: 32_768, prefix: 1_024 });
    expect(cut.bytes).toBe(bytes.length);
    expect(cut.text.length).toBeLessThan(40_000);
    expect(JSON.parse(cut.text)).toMatchObject({ _id: { $numberInt: "1" }, text: "ü".repeat(512) });
    expect(cut.cuts).toEqual([
      { path: ["text"], type: "String", bytes: 4_000_000, shown: 1_024, total: 4_000_000 },
      expect.objectContaining({ path: ["list"], type: "Array", total: 200_000 }),
      expect.objectContaining({ path: [], type: "Object", shown: 3, total: 5 }),
    ]);
  });
});

describe("raw values", () => {
  it("finds and packs a value", () => {
    const bytes = Buffer.from(BSON.serialize({ a: { b: [1, { c: 2 }] }, _id: "x" }));
    const id = findTopLevel(bytes, "_id");
    expect(id && unpackValue(packValue(id))).toMatchObject({ type: 2 });
    expect(findPath(bytes, "a.b.c")).toBe("array");
    expect(findPath(bytes, "a.z")).toBeNull();
    expect(() => unpackValue(Buffer.from([2, 9, 0, 0, 0]))).toThrow(BsonError);
  });

  it("refuses every truncation and survives every flipped byte", () => {
    const bytes = Buffer.from(
      BSON.serialize({
        _id: new ObjectId(),
        a: [1, "two", { three: new Binary(Buffer.from("x")) }],
        code: new Code("f", { y: 1 }),
        r: /x/i,
        d: Decimal128.fromString("1.5"),
      }),
    );
    for (let length = 0; length < bytes.length; length++) expect(() => validateBson(bytes.subarray(0, length), { depthMax: 100 })).toThrow(BsonError);
    for (let index = 0; index < bytes.length; index++) {
      const flipped = Buffer.from(bytes);
      flipped[index] = (flipped[index] ?? 0) ^ 0x41;
      try {
        validateBson(flipped, { depthMax: 100 });
        toEjson(flipped);
      } catch (error) {
        expect(error).toBeInstanceOf(BsonError);
      }
    }
  });

  it("refuses nesting beyond its bound", () => {
    let bytes = rawDocument();
    for (let level = 1; level < 101; level++) bytes = rawDocument(element(3, "a", bytes));
    expect(() => validateBson(bytes, { depthMax: 100 })).toThrow("Nested too deep");
    expect(() => validateBson(bytes, { depthMax: 101 })).not.toThrow();
  });
});
