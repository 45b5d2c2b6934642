import pg from "pg";
import { postgresTables } from "@/app/(console)/manage-dbs/postgres/tables/tables.service";
import type { Connection } from "@/server/connection";
import { awkwardNames, postgresColumns, postgresValues } from "@/setup/seed/awkward.mjs";
import { startPostgres } from "@/setup/postgres-server.mjs";
import { oddSchema, seed } from "@/setup/seed/seed-postgres.mjs";
import { root } from "@/setup/toolchain.mjs";
import { testConnection } from "@/test/connections";
import { serverDirectory, type ContractSubject, type Outage, type Values } from "@/test/contract/subject";
import { uniqueName } from "@/test/servers";

type Server = Awaited<ReturnType<typeof startPostgres>>;

let place = { directory: "", remove: async () => {} };
let server: Server;
let url = "";

async function ask<T extends object>(address: string, sql: string): Promise<T[]> {
  const client = new pg.Client({ connectionString: address });
  await client.connect();
  try {
    return (await client.query<T>(sql)).rows;
  } finally {
    await client.end();
  }
}

function inDatabase(address: string, database: string): string {
  const changed = new URL(address);
  changed.pathname = `/${encodeURIComponent(database)}`;
  return changed.href;
}

const major = async () => Number((await ask<{ major: string }>(url, "SELECT current_setting('server_version_num')::int / 10000 AS major"))[0]?.major ?? 0);
const columnNames = Object.keys(postgresColumns);
/** The codec writes bytes without PostgreSQL's own prefix. */
const written = (column: string, text: string | null) => (text === null ? "NULL" : `text ${column === "as_bytea" ? text.replace(/^\\x/, "") : text}`);

export const postgresSubject: ContractSubject = {
  engine: "postgres",
  async open() {
    place = await serverDirectory("postgres");
    server = await startPostgres({ root, directory: place.directory, forTests: true });
    url = await seed(server.url, { database: uniqueName("contract") });
  },
  async close() {
    await server?.stop();
    await place.remove();
  },
  connection: () => testConnection("postgres", url, { name: uniqueName("contract") }),
  wrong() {
    const password = new URL(url);
    password.password = "not-this-one";
    return [
      {
        title: "a port nobody listens on",
        connection: testConnection("postgres", "postgres://postgres@127.0.0.1:1/postgres", { name: "dead" }),
        code: "UNREACHABLE",
      },
      { title: "a wrong password", connection: testConnection("postgres", password.href, { name: "password" }), code: "AUTH_FAILED" },
      { title: "a database that is not there", connection: testConnection("postgres", inDatabase(url, "nowhere"), { name: "nowhere" }), code: "NOT_FOUND" },
    ];
  },
  holds: ["public.authors", "public.books", "public.monthly_revenue", ...awkwardNames.map((name) => `${oddSchema}.${name}`)],
  objects: async (connection) => (await postgresTables.list(connection, {})).tables.map((table) => `${table.schema}.${table.name}`),
  async expected() {
    const version = await major();
    return new Map(postgresValues.filter(({ from }) => (from ?? 0) <= version).map(({ label, column, text }) => [label, written(column, text)]));
  },
  async browse(connection) {
    const page = await postgresTables.rows(connection, { schema: "public", name: "awkward_values", limit: 500 }, {});
    const byId = new Map(page.rows.map((row, index) => [row[0]?.text, { row, key: page.keys[index] ?? "" }]));
    const values: Values = new Map();
    for (const [index, { label, column }] of postgresValues.entries()) {
      const found = byId.get(String(index + 1));
      if (!found) continue;
      const shown = found.row[columnNames.indexOf(column) + 2] ?? null;
      const input = { schema: "public", name: "awkward_values", key: found.key, column };
      const whole = shown?.length === undefined ? shown : (await postgresTables.cell(connection, input, {})).cell;
      values.set(label, whole === null ? "NULL" : `text ${whole.text}`);
    }
    return values;
  },
  exports: [
    {
      title: "CSV",
      request: { schema: "public", name: "awkward_values", format: "csv" },
      values(text) {
        const [head = [], ...rows] = readCsv(text);
        const byId = new Map(rows.map((row) => [row[0], row]));
        const values: Values = new Map();
        for (const [index, { label, column }] of postgresValues.entries()) {
          const row = byId.get(String(index + 1));
          if (row) values.set(label, written(column, row[head.indexOf(column)] ?? null));
        }
        return values;
      },
    },
  ],
  target: () => uniqueName("restored"),
  refused: () => [decodeURIComponent(new URL(url).pathname.slice(1)), "postgres"],
  restoredName: (name) => name,
  restored: (kept) => testConnection("postgres", kept.connection?.url ?? "", { name: uniqueName("restored") }),
  places: async () => (await ask<{ datname: string }>(server.url, "SELECT datname FROM pg_database ORDER BY datname")).map(({ datname }) => datname),
  outage: postgresOutage(),
};

/** RFC 4180 as COPY writes it: an empty field is NULL, a quoted empty one is the empty text. */
export function readCsv(text: string): (string | null)[][] {
  const rows: (string | null)[][] = [];
  let row: (string | null)[] = [];
  const field = /(?:"((?:[^"]|"")*)"|([^",\n]*))(,|\n|$)/gy;
  while (field.lastIndex < text.length) {
    const found = field.exec(text);
    if (!found) throw new Error("This is not CSV");
    const [, quoted, plain = "", end] = found;
    row.push(quoted === undefined ? (plain === "" ? null : plain) : quoted.replaceAll('""', '"'));
    if (end === ",") continue;
    rows.push(row);
    row = [];
  }
  return rows;
}

function postgresOutage(): Outage {
  let own: Server;
  let home = { directory: "", remove: async () => {} };
  const started = (port?: number) => startPostgres({ root, directory: home.directory, forTests: true, ...(port === undefined ? {} : { port }) });
  return {
    async open(): Promise<Connection> {
      home = await serverDirectory("postgres-outage");
      own = await started();
      await ask(own.url, "CREATE TABLE large AS SELECT id, md5(id::text) || repeat(md5(id::text), 8) AS body FROM generate_series(1, 300000) AS id");
      await ask(own.url, "ALTER TABLE large ADD PRIMARY KEY (id)");
      return testConnection("postgres", own.url, { name: uniqueName("outage") });
    },
    request: { schema: "public", name: "large", format: "csv" },
    async crash() {
      // Immediate shutdown: all sessions are cut, as by a crash; kill -9 would leave its children.
      process.kill(own.pid, "SIGQUIT");
      await own.stop();
    },
    survivesCrash: false,
    async start() {
      own = await started(own.port);
    },
    async close() {
      await own?.stop();
      await home.remove();
    },
  };
}
