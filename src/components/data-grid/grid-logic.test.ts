import { describe, expect, it } from "vitest";
import { estimateWidth } from "@/components/data-grid/column-width";
import { arrangeColumns, moveColumn } from "@/components/data-grid/grid-preferences";
import { type GridColumn, cellFamily, columnIds, noPreferences } from "@/components/data-grid/grid-types";
import { nextSort } from "@/components/data-grid/use-columns";

const column = (name: string, family: GridColumn["family"] = "text"): GridColumn => ({ name, type: family, family });

describe("arrangeColumns", () => {
  it("keeps what somebody chose and puts new columns last", () => {
    const preferences = { ...noPreferences, order: ["c", "gone", "a"], hidden: ["b", "gone"], pinned: ["a", "gone"] };
    expect(arrangeColumns(["a", "b", "c", "d"], preferences, [])).toEqual({ order: ["c", "a", "b", "d"], hidden: { b: false }, pinned: ["a"] });
  });

  it("pins the fallback only when nobody chose, and never hides everything", () => {
    expect(arrangeColumns(["a", "b"], noPreferences, ["a"]).pinned).toEqual(["a"]);
    expect(arrangeColumns(["a", "b"], { ...noPreferences, pinned: [] }, ["a"]).pinned).toEqual([]);
    expect(arrangeColumns(["a", "b"], { ...noPreferences, hidden: ["a", "b"] }, []).hidden).toEqual({});
  });
});

describe("moveColumn", () => {
  it("moves both ways", () => {
    expect(moveColumn(["a", "b", "c"], "a", "c")).toEqual(["b", "c", "a"]);
    expect(moveColumn(["a", "b", "c"], "c", "a")).toEqual(["c", "a", "b"]);
    expect(moveColumn(["a", "b"], "a", "a")).toEqual(["a", "b"]);
  });
});

describe("columnIds", () => {
  it("keeps equal names of a query apart", () => expect(columnIds([column("id"), column("id"), column("n")])).toEqual(["id", "id #2", "n"]));
});

describe("cellFamily", () => {
  it("believes the value where SQLite mixes kinds", () => {
    expect(cellFamily({ text: "abc", storage: "text" }, column("n", "number"))).toBe("text");
    expect(cellFamily({ text: "00ff", storage: "blob" }, column("n", "text"))).toBe("bytes");
    expect(cellFamily({ text: "1", storage: "integer" }, column("n", "text"))).toBe("number");
    expect(cellFamily({ text: "1" }, column("n", "number"))).toBe("number");
    expect(cellFamily(null, column("n", "json"))).toBe("json");
  });
});

describe("estimateWidth", () => {
  it("shows the head whole and stays within bounds", () => {
    expect(estimateWidth(column("a_rather_long_column_name"), 0, [])).toBeGreaterThan(190);
    expect(estimateWidth(column("x"), 0, [[{ text: "y".repeat(10_000) }]])).toBeLessThanOrEqual(320);
    expect(estimateWidth(column("n", "number"), 0, [[null]])).toBeGreaterThanOrEqual(72);
  });

  it("is not pushed wide by one long value", () => {
    const rows = Array.from({ length: 40 }, (_, index) => [{ text: index === 0 ? "long ".repeat(40) : "ok" }]);
    expect(estimateWidth(column("status"), 0, rows)).toBeLessThan(120);
  });
});

describe("nextSort", () => {
  const next = (add = false) => ({ direction: "next", add }) as const;
  it("goes up, down, away", () => {
    expect(nextSort([], "a", next())).toEqual([{ column: "a", direction: "asc" }]);
    expect(nextSort([{ column: "a", direction: "asc" }], "a", next())).toEqual([{ column: "a", direction: "desc" }]);
    expect(nextSort([{ column: "a", direction: "desc" }], "a", next())).toEqual([]);
  });

  it("keeps the others and their places when one is added", () => {
    const sort = [
      { column: "a", direction: "asc" },
      { column: "b", direction: "asc" },
    ] as const;
    expect(nextSort(sort, "a", next(true))).toEqual([
      { column: "a", direction: "desc" },
      { column: "b", direction: "asc" },
    ]);
    expect(nextSort(sort, "c", next(true)).map(({ column: name }) => name)).toEqual(["a", "b", "c"]);
    expect(nextSort(sort, "c", next())).toEqual([{ column: "c", direction: "asc" }]);
    expect(nextSort(sort, "b", { direction: "none", add: true })).toEqual([{ column: "a", direction: "asc" }]);
  });
});
