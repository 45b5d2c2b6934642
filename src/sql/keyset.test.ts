import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeCursor, encodeCursor, keysetConditions, orderBy, type KeyValue, type NullOrder, type OrderColumn } from "@/sql/keyset";
import { quoteIdentifier } from "@/sql/identifiers";

const column = (name: string, direction: "asc" | "desc", nullable: boolean): OrderColumn => ({ name, expression: quoteIdentifier(name), direction, nullable });

/** Reads a whole table page by page, the way a service does. */
function readByPages(options: { database: DatabaseSync; order: OrderColumn[]; nulls: NullOrder; limit: number }): number[] {
  const { database, order, nulls, limit } = options;
  const ids: number[] = [];
  let cursor: string | null = null;
  for (let pages = 0; pages < 200; pages += 1) {
    const page: Record<string, unknown>[] = [];
    const conditions = cursor === null ? [() => "1 = 1"] : keysetConditions({ order, values: decodeCursor(order, cursor), nulls });
    for (const condition of conditions) {
      if (page.length >= limit) break;
      const values: number[] = [];
      const where = condition((value) => {
        values.push(Number(value.text));
        return "?";
      });
      page.push(...database.prepare(`SELECT * FROM t WHERE ${where} ORDER BY ${orderBy(order, nulls)} LIMIT ${limit - page.length}`).all(...values));
    }
    const last = page.at(-1);
    if (!last) return ids;
    ids.push(...page.map((row) => Number(row["id"])));
    const key = order.map((part): KeyValue => (last[part.name] === null ? null : { text: String(last[part.name]) }));
    cursor = encodeCursor(order, key);
  }
  throw new Error("pages never end");
}

const direction = fc.constantFrom("asc" as const, "desc" as const);
const value = fc.option(fc.integer({ min: 0, max: 3 }), { nil: null, freq: 3 });

describe("keyset", () => {
  it("visits every row once, in order, for any mix of directions, NULLs and page sizes", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ a: value, b: value, c: fc.integer({ min: 0, max: 2 }) }), { maxLength: 40 }),
        fc.tuple(direction, direction, direction, direction),
        fc.subarray(["a", "b", "c"]),
        fc.constantFrom<NullOrder>("largest", "smallest"),
        fc.integer({ min: 1, max: 7 }),
        (rows, directions, sorted, nulls, limit) => {
          const database = new DatabaseSync(":memory:");
          database.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, a, b, c NOT NULL)");
          const insert = database.prepare("INSERT INTO t (a, b, c) VALUES (?, ?, ?)");
          for (const row of rows) insert.run(row.a, row.b, row.c);
          const order = [...sorted.map((name, index) => column(name, directions[index] ?? "asc", name !== "c")), column("id", directions[3], false)];
          const whole = database
            .prepare(`SELECT id FROM t ORDER BY ${orderBy(order, nulls)}`)
            .all()
            .map((row) => Number(row["id"]));
          expect(readByPages({ database, order, nulls, limit })).toEqual(whole);
          database.close();
        },
      ),
      { numRuns: 300 },
    );
  });

  it("uses one row comparison where all columns go one way", () => {
    const order = [column("a", "asc", false), column("b", "asc", false)];
    const [condition] = keysetConditions({ order, values: [{ text: "1" }, { text: "2" }], nulls: "largest" });
    expect(condition?.((part, index) => `$${index + 1}`)).toBe('("a", "b") > ($1, $2)');
  });

  it("reads the NULLs of the first column as a range of their own", () => {
    const order = [column("a", "asc", true), column("id", "asc", false)];
    const conditions = keysetConditions({ order, values: [{ text: "1" }, { text: "2" }], nulls: "largest" });
    expect(conditions.map((condition) => condition((part) => part.text))).toEqual(['"a" >= 1 AND ("a" > 1 OR ("a" = 1 AND "id" > 2))', '"a" IS NULL']);
  });
});

describe("cursor", () => {
  const order = [column("a", "desc", true), column("id", "asc", false)];

  it("carries any text and NULL", () => {
    fc.assert(
      fc.property(fc.option(fc.string({ unit: "binary" }), { nil: null }), fc.string({ unit: "binary" }), (first, second) => {
        const values: KeyValue[] = [first === null ? null : { text: first }, { text: second, storage: "blob" }];
        expect(decodeCursor(order, encodeCursor(order, values))).toEqual(values);
      }),
    );
  });

  it("refuses a cursor of another order, and anything that is not one", () => {
    const cursor = encodeCursor(order, [null, { text: "1" }]);
    expect(() => decodeCursor([column("a", "asc", true), column("id", "asc", false)], cursor)).toThrow("another order");
    expect(() => decodeCursor([column("a", "desc", true)], cursor)).toThrow("another order");
    const forged = (content: unknown): string => Buffer.from(JSON.stringify(content)).toString("base64url");
    for (const content of [
      { v: 1, o: ["-a", "+id"], k: [null] },
      { v: 1, o: ["-a", "+id"], k: [null, 1] },
      { v: 1, o: ["-a", "+id"], k: [null, { text: "1", more: 1 }] },
      { v: 2, o: ["-a", "+id"], k: [null, { text: "1" }] },
      { v: 1, o: ["-a", "+id"], k: [null, { text: "1" }], more: 1 },
      null,
      [],
    ]) {
      expect(() => decodeCursor(order, forged(content))).toThrow("another order");
    }
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(() => decodeCursor(order, text)).toThrow("another order");
      }),
    );
  });

  it("refuses NULL where the column has none", () => {
    expect(() => keysetConditions({ order, values: [{ text: "1" }, null], nulls: "largest" })).toThrow("another order");
  });
});
