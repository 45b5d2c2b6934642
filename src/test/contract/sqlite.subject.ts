import { readdirSync, writeFileSync } from "node:fs";
import { rename } from "node:fs/promises";
import { basename, join } from "node:path";
import Database from "better-sqlite3";
import { sqliteTables } from "@/app/(console)/manage-dbs/sqlite/tables/sqlite-tables.service";
import type { Connection } from "@/server/connection";
import { awkwardNames, sqliteValues } from "@/setup/seed/awkward.mjs";
import { seed } from "@/setup/seed/seed-sqlite.mjs";
import type { Cell } from "@/sql/tables.schema";
import { testConnection } from "@/test/connections";
import { serverDirectory, type ContractSubject, type Outage, type Values } from "@/test/contract/subject";
import { uniqueName } from "@/test/servers";

let directory = "";
let remove = async () => {};
const file = () => join(directory, "bookshop.sqlite");

type Entry = (typeof sqliteValues)[number];

/** Reals are compared as doubles, bytes and odd texts as hexadecimal, all else as it is written. */
function textOf(entry: Entry, cell: Cell): string {
  if (cell === null) return "null";
  if (entry.hex !== undefined) return `hex ${(cell.storage === "blob" ? Buffer.from(cell.text, "hex") : Buffer.from(cell.text)).toString("hex").toUpperCase()}`;
  return cell.storage === "real" ? `real ${Number(cell.text)}` : `${cell.storage} ${cell.text}`;
}

function expectedText(entry: Entry): string {
  if (entry.storage === "null") return "null";
  if (entry.hex !== undefined) return `hex ${entry.hex}`;
  return entry.storage === "real" ? `real ${Number(entry.text)}` : `${entry.storage} ${entry.text}`;
}

export const sqliteSubject: ContractSubject = {
  engine: "sqlite",
  async open() {
    ({ directory, remove } = await serverDirectory("sqlite"));
    await seed(file());
  },
  close: () => remove(),
  connection: () => testConnection("sqlite", file(), { name: uniqueName("contract") }),
  wrong() {
    const text = join(directory, "notes.txt");
    writeFileSync(text, "not a database, but long enough to be looked at ".repeat(100));
    return [
      { title: "a file that is not there", connection: testConnection("sqlite", join(directory, "nowhere.sqlite"), { name: "nowhere" }), code: "UNREACHABLE" },
      { title: "a file that is no database", connection: testConnection("sqlite", text, { name: "text" }), code: "UNREACHABLE" },
      { title: "a directory", connection: testConnection("sqlite", directory, { name: "directory" }), code: "UNREACHABLE" },
    ];
  },
  holds: ["authors", "books", "orders", "bestsellers", ...awkwardNames],
  objects: async (connection) => (await sqliteTables.list(connection, {})).tables.map((table) => table.name),
  expected: async () => new Map(sqliteValues.map((entry) => [entry.label, expectedText(entry)])),
  async browse(connection) {
    const page = await sqliteTables.rows(connection, { name: "awkward_values", limit: 500 }, {});
    const values: Values = new Map();
    for (const [index, entry] of sqliteValues.entries()) {
      const shown = page.rows[index]?.[2] ?? null;
      const key = page.keys[index] ?? "";
      const whole = shown?.length === undefined ? shown : (await sqliteTables.cell(connection, { name: "awkward_values", key, column: "value" }, {})).cell;
      values.set(entry.label, textOf(entry, whole));
    }
    return values;
  },
  exports: [
    {
      title: "SQL, read back by SQLite",
      request: { name: "awkward_values", format: "sql" },
      values(text) {
        const database = new Database(":memory:");
        database.exec(/CREATE TABLE/i.test(text) ? text : `CREATE TABLE awkward_values (id INTEGER PRIMARY KEY, label TEXT NOT NULL, value);${text}`);
        database.defaultSafeIntegers();
        const read = database.prepare("SELECT value, typeof(value) AS storage, hex(CAST(value AS BLOB)) AS hex FROM awkward_values WHERE id = ?");
        const values: Values = new Map();
        for (const [index, entry] of sqliteValues.entries()) {
          const row = read.get(index + 1) as { value: unknown; storage: string; hex: string } | undefined;
          if (!row) continue;
          const exact = row.storage === "null" ? "null" : entry.hex === undefined ? `${row.storage} ${String(row.value)}` : `hex ${row.hex}`;
          values.set(entry.label, row.storage === entry.storage ? exact : `stored as ${row.storage}`);
        }
        database.close();
        return values;
      },
    },
  ],
  target: () => `${uniqueName("restored")}.sqlite`,
  refused: () => [basename(file()), "../outside.sqlite", "a/b.sqlite", "..", "nul\0.sqlite"],
  restoredName: (name) => name,
  restored: (kept) => testConnection("sqlite", kept.connection?.url ?? "", { name: uniqueName("restored") }),
  places: async () =>
    readdirSync(directory)
      .filter((name) => !/-(wal|shm)$/.test(name))
      .toSorted(),
  outage: sqliteOutage(),
};

/** A file has no server; taking it away is renaming it, and who has it open reads on. */
function sqliteOutage(): Outage {
  let place = { directory: "", remove: async () => {} };
  const large = () => join(place.directory, "large.sqlite");
  return {
    async open(): Promise<Connection> {
      place = await serverDirectory("sqlite-outage");
      const database = new Database(large());
      database.exec("CREATE TABLE large (id INTEGER PRIMARY KEY, body TEXT)");
      database.exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) INSERT INTO large SELECT i, hex(randomblob(50)) FROM n");
      database.close();
      return testConnection("sqlite", large(), { name: uniqueName("outage") });
    },
    request: { name: "large", format: "jsonl" },
    crash: () => rename(large(), `${large()}.away`),
    survivesCrash: true,
    start: () => rename(`${large()}.away`, large()),
    close: () => place.remove(),
  };
}
