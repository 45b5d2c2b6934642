import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { csvRecord, encodeChunks, insertWriter, jsonLinesWriter, jsonValue, textOrNull } from "@/sql/export-writers";
import { quoteIdentifier } from "@/sql/identifiers";

const text = fc.oneof(fc.string({ unit: "binary" }), fc.stringMatching(/^[",\r\n\\.a ]{0,6}$/)).filter((value) => !value.includes("\0"));
const cell = fc.option(text, { nil: null });

/** A strict reader of the same dialect, written apart from the writer. */
function readCsv(source: string): (string | null)[][] {
  const records: (string | null)[][] = [];
  let record: (string | null)[] = [];
  for (let at = 0; at < source.length;) {
    let field: string | null = null;
    if (source[at] === '"') {
      let end = at + 1;
      field = "";
      for (;;) {
        const quote = source.indexOf('"', end);
        if (quote === -1) throw new Error("quote is not closed");
        field += source.slice(end, quote);
        if (source[quote + 1] !== '"') {
          at = quote + 1;
          break;
        }
        field += '"';
        end = quote + 2;
      }
    } else {
      const stop = source.slice(at).search(/[,\n]/);
      if (stop > 0) field = source.slice(at, at + stop);
      at += stop;
    }
    record.push(field);
    if (source[at] === "\n") {
      records.push(record);
      record = [];
    } else if (source[at] !== ",") throw new Error(`unexpected ${source[at]}`);
    at += 1;
    if (source[at - 1] === "," && at >= source.length) throw new Error("cut record");
  }
  return records;
}

describe("CSV", () => {
  it("reads back as it was, NULL beside the empty text", () => {
    fc.assert(
      fc.property(fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { maxLength: 10 }), (rows) => {
        expect(readCsv(rows.map((row) => csvRecord(row)).join(""))).toEqual(rows);
      }),
    );
  });

  it("changes nothing unless asked, and then only what a spreadsheet would run", () => {
    const values = ["=1+1", "-5", "+4.5e3", "-cmd", "@x", "\tx", "text", null, ""];
    expect(csvRecord(values)).toBe('=1+1,-5,+4.5e3,-cmd,@x,\tx,text,,""\n');
    expect(csvRecord(values, { spreadsheetSafe: true })).toBe("'=1+1,-5,+4.5e3,'-cmd,'@x,'\tx,text,,\"\"\n");
  });
});

describe("SQL INSERT", () => {
  it("brings any rows back", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(cell, cell), { maxLength: 250 }), (rows) => {
        const database = new DatabaseSync(":memory:");
        const table = quoteIdentifier('a "table"');
        database.exec(`CREATE TABLE ${table} ("x""y" TEXT, z TEXT)`);
        const writer = insertWriter({ table, columns: ['x"y', "z"], literal: textOrNull });
        database.exec(rows.map((row) => writer.add(row)).join("") + writer.end());
        const back = database.prepare(`SELECT "x""y" AS x, z FROM ${table} ORDER BY rowid`).all();
        expect(back.map((row) => [row["x"], row["z"]])).toEqual(rows);
        database.close();
      }),
      { numRuns: 50 },
    );
  });

  it("writes a table without columns", () => {
    const writer = insertWriter({ table: quoteIdentifier("t"), columns: [], literal: textOrNull });
    expect(writer.add([])).toBe('INSERT INTO "t" DEFAULT VALUES;\n');
    expect(writer.end()).toBe("");
  });
});

describe("JSON lines", () => {
  it("keeps digits, and never writes invalid JSON", () => {
    expect(jsonValue("9223372036854775807", "number")).toBe("9223372036854775807");
    expect(jsonValue("0.10", "number")).toBe("0.10");
    for (const special of ["NaN", "-Infinity", "01", "", "1.", ".5"]) expect(jsonValue(special, "number")).toBe(JSON.stringify(special));
    expect(jsonValue("t", "boolean")).toBe("true");
    expect(jsonValue("maybe", "boolean")).toBe('"maybe"');
    expect(jsonValue('{"a":\r\n 1.0}', "json")).toBe('{"a":  1.0}');
    expect(jsonValue(null, "json")).toBe("null");
  });

  it("gives one line a row, whatever the text", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(cell, fc.jsonValue())), (rows) => {
        const line = jsonLinesWriter([
          { name: 'a"\n', kind: "text" },
          { name: "b", kind: "json" },
        ]);
        const lines = rows
          .map(([first, second]) => line([first, JSON.stringify(second, null, 2)]))
          .join("")
          .split("\n")
          .slice(0, -1);
        const json = JSON.parse(JSON.stringify(rows)) as unknown[][];
        expect(lines.map((row) => JSON.parse(row))).toEqual(json.map(([first, second]) => ({ 'a"\n': first, b: second })));
      }),
    );
  });
});

describe("encodeChunks", () => {
  it("joins to the same text, even when a pair is split over pieces", async () => {
    const pieces = ["a".repeat(65_535), "\ud83d", "\ude00b", "é".repeat(70_000), ""];
    const chunks: Uint8Array[] = [];
    for await (const chunk of encodeChunks(pieces)) chunks.push(chunk);
    expect(Buffer.concat(chunks).toString("utf8")).toBe(pieces.join(""));
    expect(chunks.length).toBe(2);
  });

  it("throws on when its source does", async () => {
    const chunks = encodeChunks(
      (function* () {
        yield "a".repeat(70_000);
        throw new Error("server gone");
      })(),
    );
    await chunks.next();
    await expect(chunks.next()).rejects.toThrow("server gone");
  });
});
