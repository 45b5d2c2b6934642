/** Raw documents for the tests: every BSON type, and what drivers cannot write. Sent and compared as bytes. */
import { Binary, BSON, type Collection, Decimal128, Double, Int32, Long, MaxKey, MinKey, ObjectId, Timestamp } from "mongodb";

import { rawBatches, rawFind } from "@/app/(console)/manage-dbs/mongodb/mongodb.raw";
import { insertRaw } from "@/app/(console)/manage-dbs/mongodb/mongodb.raw-insert";

export function rawDocument(...elements: Buffer[]): Buffer {
  const body = Buffer.concat([...elements, Buffer.from([0])]);
  return Buffer.concat([int32(body.length + 4), body]);
}

export function rawElement(type: number, name: string | Buffer, value: Buffer = Buffer.alloc(0)): Buffer {
  return Buffer.concat([Buffer.from([type]), Buffer.from(name), Buffer.from([0]), value]);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

function int64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(value);
  return bytes;
}

const text = (bytes: string | Buffer): Buffer => Buffer.concat([int32(Buffer.byteLength(bytes) + 1), Buffer.from(bytes), Buffer.from([0])]);
const serialized = (value: BSON.Document | Map<string, unknown>): Buffer => Buffer.from(BSON.serialize(value));

/** One document of every type a driver can write, with the awkward values. */
export const everyType = (): Buffer =>
  serialized(
    new Map<string, unknown>([
      ["_id", new ObjectId("0123456789abcdef01234567")],
      ["double", [new Double(1), new Double(-0), new Double(NaN), new Double(Infinity), new Double(-Infinity), new Double(5e-324), new Double(1e21)]],
      ["int32", [new Int32(1), new Int32(-2_147_483_648), new Int32(2_147_483_647)]],
      ["long", [Long.fromString("1"), Long.MAX_VALUE, Long.MIN_VALUE, Long.fromString("9007199254740993")]],
      [
        "decimal",
        ["1.10", "-0", "NaN", "Infinity", "9.999999999999999999999999999999999E+6144", "0.000000000000000001"].map((value) => Decimal128.fromString(value)),
      ],
      ["string", ["", "a\0b", "emoji 🦊", "مرحبا", 'line\nbreak "quoted" \\']],
      ["10", 1],
      ["2", 2],
      ["a.b", "dotted"],
      ["$dollar", "inside"],
      ["__proto__", new Map([["x", 1]])],
      ["binary", [0, 1, 2, 3, 5, 128].map((subType) => new Binary(Buffer.from([0, 255, 13, 10]), subType))],
      ["uuid", new Binary(Buffer.alloc(16, 7), 4)],
      ["bool", [true, false]],
      ["date", [new Date(0), new Date(-1), new Date("9999-12-31T23:59:59.999Z")]],
      ["null", null],
      ["timestamp", [new Timestamp({ t: 1, i: 2 }), new Timestamp({ t: 0xff_ff_ff_ff, i: 0xff_ff_ff_ff })]],
      ["minMax", [new MinKey(), new MaxKey()]],
      ["empty", [new Map(), []]],
      ["nested", [[1, [2, [3]]], new Map([["deep", new Map([["deeper", []]])]])]],
    ]),
  );

/** What no driver writes, but servers hold because an old driver did. */
export const oldTypes = (): Buffer =>
  rawDocument(
    rawElement(16, "_id", int32(7)),
    rawElement(14, "symbol", text("s")),
    rawElement(12, "pointer", Buffer.concat([text("db.c"), Buffer.from("0123456789abcdef01234567", "hex")])),
    rawElement(6, "undefined"),
    rawElement(13, "code", text("function () {}")),
    rawElement(15, "scoped", scoped()),
    rawElement(11, "regex", Buffer.from("(?i)a\0ilmsux\0")),
    rawElement(17, "zero", Buffer.alloc(8)),
  );

function scoped(): Buffer {
  const inner = Buffer.concat([text("f"), serialized({ x: 1 })]);
  return Buffer.concat([int32(inner.length + 4), inner]);
}

/** The values of types that no driver writes. */
export const oldValue = { text, scoped };

/** Some servers refuse dates far away. */
export const farDates = (): Buffer =>
  rawDocument(rawElement(16, "_id", int32(9)), rawElement(9, "edge", int64(8_640_000_000_000_000n)), rawElement(9, "far", int64(2n ** 62n)));

/** Keys twice and text that is not UTF-8: some servers refuse these. */
export const brokenTypes = (): Buffer =>
  rawDocument(
    rawElement(16, "_id", int32(8)),
    rawElement(16, "twice", int32(1)),
    rawElement(16, "twice", int32(2)),
    rawElement(2, "latin1", text(Buffer.from([0x68, 0xe9]))),
  );

/** A document of exactly this many bytes. */
export function documentOf(bytes: number, id: number): Buffer {
  const frame = rawDocument(rawElement(16, "_id", int32(id)), rawElement(2, "text", text(""))).length;
  return rawDocument(rawElement(16, "_id", int32(id)), rawElement(2, "text", text(Buffer.alloc(bytes - frame, "x"))));
}

export async function insertDocuments(collection: Collection, documents: Buffer[]): Promise<void> {
  await insertRaw(collection, documents);
}

/** All documents of a collection as bytes, sorted so that two collections can be compared. */
export async function rawContent(collection: Collection): Promise<string[]> {
  const found: string[] = [];
  for await (const batch of rawBatches(rawFind(collection, {}))) for (const document of batch) found.push(document.toString("base64"));
  return found.sort();
}
