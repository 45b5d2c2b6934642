import { BSON, Long, ObjectId } from "mongodb";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { parseFilter, parseProjection, parseSort } from "@/app/(console)/manage-dbs/mongodb/ejson-input";
import { AppError } from "@/server/errors";

const refusal = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof AppError) return `${error.code} ${error.message}`;
    throw error;
  }
  return "accepted";
};

describe("typed filters", () => {
  it("keeps the order of integer-like keys and the types of numbers", () => {
    const filter = parseFilter('{ b: 1, "10": 2.0, "2": 9007199254740993, id: {"$oid": "0123456789abcdef01234567"} }');
    expect([...filter.keys()]).toEqual(["b", "10", "2", "id"]);
    expect(BSON.EJSON.stringify([...filter.values()], { relaxed: false })).toBe(
      '[{"$numberInt":"1"},{"$numberDouble":"2.0"},{"$numberLong":"9007199254740993"},{"$oid":"0123456789abcdef01234567"}]',
    );
    expect(filter.get("id")).toEqual(new ObjectId("0123456789abcdef01234567"));
    expect(filter.get("2")).toEqual(Long.fromString("9007199254740993"));
  });

  it("reads a date without a zone as UTC", () => {
    expect(parseFilter('{"at": {"$gte": {"$date": "2026-11-23T10:00:00"}}}').get("at")).toEqual(new Map([["$gte", new Date("2026-11-23T10:00:00Z")]]));
  });

  it.each([
    ['{"$where": "sleep(1000)"}', "runs JavaScript"],
    ['{"a": {"$not": {"$where": "1"}}}', "runs JavaScript"],
    ['{"$or": [{"a": 1}, {"$expr": {"$function": {"body": "f", "args": [], "lang": "js"}}}]}', "runs JavaScript"],
    ['{"$expr": {"$gt": [{"$accumulator": {}}, 1]}}', "runs JavaScript"],
    ['{"a": {"$code": "f"}}', "JavaScript code"],
    ['{"a": {"$code": "f", "$scope": {}}}', "JavaScript code"],
    ['{"a": {"$newOperator": 1}}', "not an operator this console knows"],
    ['{"$expr": {"$lookup": {}}}', "not an operator"],
    ['{"a": {"__proto__": 1}}', "__proto__"],
    ['{"a": 1, "a": 2}', "twice"],
    ['{"a": {"$undefined": true}}', "undefined cannot be sent"],
    ['{"a": {"$date": "yesterday"}}', "$date has a malformed value"],
    ['{"a": {"$numberInt": "3000000000"}}', "out of range"],
    ['{"a": {"$oid": "12"}}', "$oid has a malformed value"],
    ['{"a": tru}', "tru is not a value"],
    ["{'a': 1}", "double quotes"],
    ['{"a": 1,}', "A name is expected"],
    ['{"a": 1} {}', "Nothing may follow"],
    ['[{"a": 1}]', "an object in braces"],
    ['{"a": "x', "does not end"],
    ['{"a": 01}', "expected"],
    [`{"a": ${"[".repeat(60)}${"]".repeat(60)}}`, "deeper than 50"],
  ])("refuses %s", (text, reason) => {
    const answer = refusal(() => parseFilter(text));
    expect(answer).toMatch(/^INVALID The filter cannot be used/);
    expect(answer).toContain(reason);
    expect(answer).toMatch(/line \d+, column \d+/);
  });

  it("says where", () => {
    expect(refusal(() => parseFilter('{\n  "a": 1,\n  "b" 2\n}'))).toContain("line 3, column 7");
  });

  it("refuses more than 100 KiB", () => {
    expect(refusal(() => parseFilter(`{"a": "${"x".repeat(103_000)}"}`))).toMatch(/^LIMIT_EXCEEDED/);
  });

  it("allows what people use", () => {
    for (const text of [
      '{"a": {"$regex": "^x", "$options": "i"}}',
      '{"$expr": {"$gt": ["$a", {"$add": ["$b", 1]}]}}',
      '{"ref": {"$ref": "c", "$id": 1}}',
      '{"$jsonSchema": {"required": ["a"]}}',
      "",
      '{"a": {"$type": ["string", 2]}}',
    ])
      expect(refusal(() => parseFilter(text))).toBe("accepted");
  });

  it("never throws anything but an AppError", () => {
    const text = fc.oneof(fc.json(), fc.string(), fc.string({ unit: fc.constantFrom("{", "}", '"', "$", "a", ":", "[", "]", ",", "1", ".", "e", "-") }));
    const answered = fc.property(text, (source) => refusal(() => parseFilter(source)).length > 0);
    expect(() => fc.assert(answered, { numRuns: 2_000 })).not.toThrow();
  });
});

describe("sort and projection", () => {
  it("reads fields in order", () => {
    expect(parseSort('{ "b": -1, "10": 1, "a.c": {"$numberInt": "1"} }')).toEqual([
      { path: "b", direction: -1 },
      { path: "10", direction: 1 },
      { path: "a.c", direction: 1 },
    ]);
    expect(refusal(() => parseSort('{"a": 2}'))).toContain("1 or -1");
    expect(refusal(() => parseSort('{"$a": 1}'))).toContain("not a field path");
    expect(refusal(() => parseSort('{"a": {"$meta": "textScore"}}'))).toContain("1 or -1");
  });

  it("keeps _id in a projection", () => {
    expect(refusal(() => parseProjection('{"_id": 0}'))).toContain("_id stays");
    expect([...parseProjection('{"b": 1, "a": {"$slice": 3}}').keys()]).toEqual(["b", "a"]);
    expect(refusal(() => parseProjection('{"a": {"$function": {}}}'))).toContain("runs JavaScript");
  });
});
