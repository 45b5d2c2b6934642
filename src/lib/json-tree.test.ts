import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { JsonTreeError, type JsonNode, parseJson, writeJson } from "@/lib/json-tree";

function fails(run: () => unknown): boolean {
  try {
    run();
    return false;
  } catch {
    return true;
  }
}

/** Any tree, with duplicate and integer-like keys, and numbers no double can hold. */
const anyNumber = fc.oneof(
  fc.bigInt().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
  fc.constantFrom("-0", "1.0", "1E400", "18.340000000000001", "9007199254740993", "0.10", "1e-7"),
);
const tree = fc.letrec<{ node: JsonNode }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4 },
    fc.string({ unit: "binary" }).map((text): JsonNode => ({ kind: "string", text })),
    anyNumber.map((text): JsonNode => ({ kind: "number", text })),
    fc.boolean().map((value): JsonNode => ({ kind: "boolean", value })),
    fc.constant<JsonNode>({ kind: "null" }),
    fc.array(tie("node"), { maxLength: 5 }).map((items): JsonNode => ({ kind: "array", items })),
    fc
      .array(fc.record({ key: fc.oneof(fc.string(), fc.constantFrom("1", "0", "__proto__", "a", "a")), value: tie("node") }), { maxLength: 5 })
      .map((entries): JsonNode => ({ kind: "object", entries })),
  ),
})).node;

describe("parseJson", () => {
  it("reads back every tree it writes, in one line and indented", () => {
    fc.assert(
      fc.property(tree, fc.constantFrom(0, 2), (node, indent) => {
        expect(parseJson(writeJson(node, indent))).toEqual(node);
      }),
    );
  });

  it("writes what JSON.parse reads as the same value", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        expect(JSON.parse(writeJson(parseJson(text)))).toEqual(JSON.parse(text));
      }),
    );
  });

  it("refuses exactly what JSON.parse refuses", () => {
    const pieces = fc.array(
      fc.constantFrom(
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        '"a"',
        '"\\u00e',
        '"\\x"',
        '"\n"',
        "1",
        "-",
        "01",
        "1.",
        ".5",
        "1e",
        "1e5",
        "true",
        "tru",
        "null",
        " ",
        "\t",
        "\u00a0",
      ),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(
        fc.oneof(
          pieces.map((parts) => parts.join("")),
          fc.string(),
        ),
        (text) => {
          expect(fails(() => parseJson(text))).toBe(fails(() => JSON.parse(text)));
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it("keeps numbers, duplicates and the order of integer-like keys", () => {
    expect(parseJson('{"2":1.0,"1":9007199254740993,"2":-0}')).toEqual({
      kind: "object",
      entries: [
        { key: "2", value: { kind: "number", text: "1.0" } },
        { key: "1", value: { kind: "number", text: "9007199254740993" } },
        { key: "2", value: { kind: "number", text: "-0" } },
      ],
    });
  });

  it("stops at a depth with a clear error, long before the stack does", () => {
    const deep = "[".repeat(100_000);
    expect(() => parseJson(deep)).toThrow(new JsonTreeError("Nested deeper than 200 levels", 201));
    expect(parseJson("[[1]]", { maxDepth: 2 })).toMatchObject({ kind: "array" });
    expect(() => parseJson("[[[1]]]", { maxDepth: 2 })).toThrow("Nested deeper than 2 levels");
  });

  it("says where it failed", () => {
    expect(() => parseJson('{\n  "a": tru\n}')).toThrow("Not JSON, line 2, column 8: a value is expected");
    expect(() => parseJson('"abc')).toThrow("the string does not end");
    expect(() => parseJson("1 2")).toThrow("nothing more is expected");
  });
});
