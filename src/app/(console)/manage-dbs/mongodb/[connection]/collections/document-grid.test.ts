import { describe, expect, it } from "vitest";
import { ABSENT, documentGrid, readSort, writeSort } from "./document-grid";

const view = (text: string, cuts: { path: string[]; type: string; bytes: number; shown: number; total: number }[] = []) => ({
  key: null,
  text,
  bytes: text.length,
  cuts,
  problem: null,
});

describe("documentGrid", () => {
  it("takes columns in the order of the fields and tells absent from null", () => {
    const { columns, rows } = documentGrid([
      view('{"_id":{"$numberInt":"1"},"b":null}'),
      view('{"_id":{"$numberInt":"2"},"a":"","b":{"$numberLong":"9007199254740993"}}'),
    ]);
    expect(columns.map(({ name, type, family }) => [name, type, family])).toEqual([
      ["_id", "Int32", "number"],
      ["b", "Long", "number"],
      ["a", "String", "text"],
    ]);
    expect(rows).toEqual([
      [{ text: "1" }, null, ABSENT],
      [{ text: "2" }, { text: "9007199254740993" }, { text: "" }],
    ]);
  });

  it("keeps the exact text of every number, also where a field has several types", () => {
    const { columns, rows } = documentGrid([view('{"n":{"$numberDecimal":"1.10"}}'), view('{"n":{"$numberDouble":"-0.0"}}'), view('{"n":"3,85"}')]);
    expect(columns[0]).toMatchObject({ type: "3 types", family: "text" });
    expect(rows.map(([cell]) => cell)).toEqual([{ text: "1.10", storage: "real" }, { text: "-0.0", storage: "real" }, { text: "3,85" }]);
  });

  it("shows bytes as bytes and documents as JSON in their order", () => {
    const { columns, rows } = documentGrid([view('{"x":{"$binary":{"base64":"AP8=","subType":"80"}},"y":{"2":{"$numberInt":"1"},"1":[]}}')]);
    expect(columns.map(({ family }) => family)).toEqual(["bytes", "json"]);
    expect(rows[0]).toEqual([{ text: "00ff" }, { text: '{"2":{"$numberInt":"1"},"1":[]}' }]);
  });

  it("says the whole length of what came cut", () => {
    const { rows } = documentGrid([view('{"s":"ab"}', [{ path: ["s"], type: "String", bytes: 5_000, shown: 2, total: 5_000 }])]);
    expect(rows[0]).toEqual([{ text: "ab", length: 5_000 }]);
  });
});

describe("sort", () => {
  it("is read as it was typed, with or without quotes", () => {
    expect(readSort('{ a: -1, "b.c": 1 }')).toEqual([
      { column: "a", direction: "desc" },
      { column: "b.c", direction: "asc" },
    ]);
    expect(readSort("{ a: ")).toEqual([]);
  });
  it("comes back from what is written", () => {
    const sort = [{ column: 'odd "name"', direction: "desc" as const }];
    expect(readSort(writeSort(sort))).toEqual(sort);
    expect(writeSort([])).toBe("");
  });
});
