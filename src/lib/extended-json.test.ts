import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bsonTypeOf, bsonValue } from "@/lib/extended-json";
import { bytesToBase64, bytesToHex } from "@/lib/hex";
import { parseJson } from "@/lib/json-tree";

const read = (value: unknown) => bsonValue(parseJson(JSON.stringify(value)));

describe("bsonValue", () => {
  it.each([
    [{ $oid: "6560b1f2e4c09a77d1b0c3a1" }, "ObjectId", "6560b1f2e4c09a77d1b0c3a1"],
    [{ $numberInt: "240" }, "Int32", "240"],
    [{ $numberLong: "9007199254740993" }, "Long", "9007199254740993"],
    [{ $numberDouble: "-0.0" }, "Double", "-0.0"],
    [{ $numberDecimal: "184467440737095516.15" }, "Decimal128", "184467440737095516.15"],
    [{ $date: { $numberLong: "1795422667442" } }, "Date", "2026-11-23T08:31:07.442Z"],
    [{ $date: { $numberLong: "-62135596800000" } }, "Date", "0001-01-01T00:00:00.000Z"],
    [{ $date: { $numberLong: "9223372036854775807" } }, "Date", "9223372036854775807 ms"],
    [{ $timestamp: { t: 4294967295, i: 1 } }, "Timestamp", "4294967295, 1"],
    [{ $regularExpression: { pattern: "^a/b", options: "ix" } }, "RegExp", "/^a/b/ix"],
    [{ $minKey: 1 }, "MinKey", "MinKey"],
    [{ $maxKey: 1 }, "MaxKey", "MaxKey"],
    [{ $undefined: true }, "Undefined", "undefined"],
    [{ $symbol: "s" }, "Symbol", '"s"'],
    [{ $code: "f()" }, "Code", "f()"],
    [{ $code: "f()", $scope: { a: 1 } }, "Code with scope", "f()"],
    [{ $dbPointer: { $ref: "db.c", $id: { $oid: "6560b1f2e4c09a77d1b0c3a1" } } }, "DBPointer", "db.c 6560b1f2e4c09a77d1b0c3a1"],
    [{ $binary: { base64: "", subType: "00" } }, "Binary 0, 0 B", ""],
    [{ $binary: { base64: "AAECAwQFBgcICQoLDA0ODw==", subType: "04" } }, "UUID", "00010203-0405-0607-0809-0a0b0c0d0e0f"],
    [{ $binary: { base64: "AAECAwQFBgcICQ==", subType: "80" } }, "Binary 128, 10 B", "0001020304050607…"],
  ])("%j is a %s", (value, bsonType, display) => expect(read(value)).toMatchObject({ bsonType, display }));

  it.each([
    [{ $oid: "short" }],
    [{ $oid: "6560b1f2e4c09a77d1b0c3a1", more: 1 }],
    [{ $numberLong: 1 }],
    [{ $date: { $numberLong: "abc" } }],
    [{ $binary: { base64: "A", subType: "00" } }],
    [{ $minKey: 2 }],
    [{ $ref: "c", $id: 1 }],
    [{ $unknown: "1" }],
    [{ a: 1 }],
    [[1]],
    ["text"],
  ])("%j is no wrapper", (value) => expect(read(value)).toBeNull());

  it("says the length and the first bytes of any binary value", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const found = read({ $binary: { base64: bytesToBase64(bytes), subType: "00" } });
        expect(found?.bsonType).toBe(`Binary 0, ${bytes.length} B`);
        expect(found?.display).toBe(bytesToHex(bytes.subarray(0, 8)) + (bytes.length > 8 ? "…" : ""));
      }),
    );
  });

  it("names plain values", () => {
    expect([{}, [], "a", 1, true, null].map((value) => bsonTypeOf(parseJson(JSON.stringify(value))))).toEqual([
      "Object",
      "Array",
      "String",
      "Number",
      "Boolean",
      "Null",
    ]);
  });
});
