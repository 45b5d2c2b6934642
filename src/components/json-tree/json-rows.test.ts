import { describe, expect, it } from "vitest";
import { type JsonRow, type TreeState, jsonRows, previewOf } from "@/components/json-tree/json-rows";
import { parseJson } from "@/lib/json-tree";

const closed: TreeState = { toggled: new Set(), shown: new Map(), openLevels: 1, bson: true };
const lines = (text: string, state: Partial<TreeState> = {}) =>
  jsonRows(parseJson(text), { ...closed, ...state }).map((row) =>
    "left" in row ? `${row.level} ${row.left} more` : `${row.level} ${row.key ?? "root"}${row.expanded === null ? "" : row.expanded ? " v" : " >"}`,
  );

describe("jsonRows", () => {
  it("opens the root and leaves the rest folded", () => {
    expect(lines('{"a":{"b":1},"c":[],"_id":{"$oid":"6560b1f2e4c09a77d1b0c3a1"}}')).toEqual(["0 root v", "1 a >", "1 c", "1 _id"]);
  });

  it("unfolds what was pressed, folds what was open", () => {
    expect(lines('{"a":{"b":1}}', { toggled: new Set(["$.0"]) })).toEqual(["0 root v", "1 a v", "2 b"]);
    expect(lines('{"a":{"b":1}}', { toggled: new Set(["$"]) })).toEqual(["0 root >"]);
  });

  it("draws a hundred of a huge array, then says how many are left", () => {
    const huge = `[${Array.from({ length: 100_000 }, (_, index) => index).join(",")}]`;
    const rows = lines(huge);
    expect(rows).toHaveLength(102);
    expect(rows.at(-1)).toBe("1 99900 more");
    expect(lines(huge, { shown: new Map([["$", 600]]) })).toHaveLength(602);
  });

  it("keeps duplicate names apart", () => {
    const rows = jsonRows(parseJson('{"a":1,"a":2}'), closed) as JsonRow[];
    expect(new Set(rows.map(({ id }) => id)).size).toBe(3);
  });

  it("reads wrappers as objects when the text is plain JSON", () => {
    expect(lines('{"_id":{"$oid":"6560b1f2e4c09a77d1b0c3a1"}}', { bson: false })).toEqual(["0 root v", "1 _id >"]);
  });
});

describe("previewOf", () => {
  it.each([
    ["{}", "{}"],
    ["[]", "[]"],
    ["[1]", "[ 1 item ]"],
    ['{"name":1,"born":2}', "{ name, born }"],
    ['{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1}', "{ a, b, c, d, e, f, … }"],
  ])("%s is %s", (text, preview) => expect(previewOf(parseJson(text))).toBe(preview));
});
