import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { filterText, operatorsOf, parseFilterText, splitList, valuesWanted } from "@/components/data-grid/filter-text";
import type { GridFamily } from "@/components/data-grid/grid-types";

describe("parseFilterText", () => {
  it.each([
    ["100", "number", "=", ["100"]],
    [">= -100", "number", ">=", ["-100"]],
    ["<>draft", "text", "<>", ["draft"]],
    ["!= draft", "text", "<>", ["draft"]],
    ["gift", "text", "contains", ["gift"]],
    ["= ''", "text", "=", [""]],
    ['= " a "', "text", "=", [" a "]],
    ["1..5", "number", "between", ["1", "5"]],
    ["2026-01-01 .. 2026-02-01", "time", "between", ["2026-01-01", "2026-02-01"]],
    ["2026-11-23", "time", ">=", ["2026-11-23"]],
    ["in a, b,c", "text", "in", ["a", "b", "c"]],
    ["NULL", "text", "is null", []],
    ["not null", "bytes", "is not null", []],
    ["<tag>", "json", "contains", ["<tag>"]],
    ["true", "boolean", "=", ["true"]],
  ] as const)("%s on %s is %s %j", (text, family, operator, values) => {
    expect(parseFilterText(text, family)).toEqual({ operator, values });
  });

  it("is nothing when empty", () => expect(parseFilterText("  ", "text")).toBeNull());

  it("reads its own writing for every operator of every family", () => {
    const families = Object.keys(operatorsOf) as GridFamily[];
    const value = fc.oneof(fc.string(), fc.constantFrom("", "''", '"', '""', "null", "in a", "<5", "a..b", " a", "a,b"));
    fc.assert(
      fc.property(fc.constantFrom(...families), fc.nat(), fc.array(value, { minLength: 2, maxLength: 3 }), (family, pick, values) => {
        const operators = operatorsOf[family];
        const operator = operators[pick % operators.length] ?? "=";
        const wanted = valuesWanted(operator);
        if (wanted === "two") return;
        const filter = { operator, values: wanted === "none" ? [] : wanted === "many" ? values : values.slice(0, 1) };
        expect(parseFilterText(filterText(filter), family)).toEqual(filter);
      }),
      { numRuns: 3_000 },
    );
  });
});

describe("splitList", () => {
  it("takes quotes around commas", () => expect(splitList('a, "b, c", "say ""x"""')).toEqual(["a", "b, c", 'say "x"']));
  it("leaves empty places out", () => expect(splitList("a,,b, ")).toEqual(["a", "b"]));
});
