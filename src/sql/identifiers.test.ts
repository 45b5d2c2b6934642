import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { quoteIdentifier, quoteList, quoteQualified, textLiteral } from "@/sql/identifiers";

describe("quoteIdentifier", () => {
  it("quotes exactly", () => {
    expect(quoteIdentifier("orders")).toBe('"orders"');
    expect(quoteIdentifier('We""ird Näme$')).toBe('"We""""ird Näme$"');
    expect(quoteQualified({ schema: 'a"b', name: "c.d" })).toBe('"a""b"."c.d"');
    expect(quoteQualified({ name: "c" })).toBe('"c"');
    expect(quoteList(["a", 'b"'])).toBe('"a", "b"""');
  });

  it("refuses what no server can hold", () => {
    expect(() => quoteIdentifier("a\0b")).toThrow("no database accepts");
    expect(() => quoteIdentifier("a\ud800")).toThrow("no database accepts");
  });

  it("gives any name back as it was", () => {
    const database = new DatabaseSync(":memory:");
    fc.assert(
      fc.property(
        fc.string({ unit: "binary", minLength: 1 }).filter((name) => !name.includes("\0")),
        (name) => {
          const row = database.prepare(`SELECT 1 AS ${quoteIdentifier(name)}`).get();
          expect(Object.keys(row ?? {})).toEqual([name]);
        },
      ),
    );
    database.close();
  });
});

describe("textLiteral", () => {
  it("gives any text back as it was", () => {
    const database = new DatabaseSync(":memory:");
    fc.assert(
      fc.property(
        fc.string({ unit: "binary" }).filter((text) => !text.includes("\0")),
        (text) => {
          expect(database.prepare(`SELECT ${textLiteral(text)} AS value`).get()).toEqual({ value: text });
        },
      ),
    );
    database.close();
  });
});
