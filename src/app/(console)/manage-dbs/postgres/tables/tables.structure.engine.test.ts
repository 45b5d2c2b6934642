import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { close } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import { makeDatabase, serverOf, type TestDatabase } from "@/app/(console)/manage-dbs/postgres/postgres.test-database";
import { postgresTables } from "@/app/(console)/manage-dbs/postgres/tables/tables.service";
import { testServers } from "@/test/servers";

/** In the order in which they can be made again. */
const TABLES = ["customers", "orders", "lines", "events", "events_old", "events_rest", "parent", "child", "rooms", "hot", "quoted", "shown", "totals"];

const TYPES = `
  CREATE TYPE mood AS ENUM ('sad', 'it''s fine');
  CREATE DOMAIN positive AS int CHECK (VALUE > 0);
  CREATE EXTENSION btree_gist;
  CREATE COLLATION german (provider = icu, locale = 'de', deterministic = false);
  CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';`;

const SCHEMA = `
  CREATE TABLE customers (id bigint GENERATED ALWAYS AS IDENTITY (START WITH 100 INCREMENT BY 5) PRIMARY KEY, name text COLLATE german NOT NULL, feeling mood DEFAULT 'sad', "Weird Name" positive,
    upper_name text GENERATED ALWAYS AS (upper(name)) STORED, UNIQUE NULLS NOT DISTINCT (feeling, "Weird Name"));
  COMMENT ON TABLE customers IS 'it''s a "comment"'; COMMENT ON COLUMN customers."Weird Name" IS E'two\\nlines';
  INSERT INTO customers (name, feeling) VALUES ('a', 'sad'), ('b', NULL);
  CREATE TABLE orders (id serial PRIMARY KEY, customer bigint NOT NULL REFERENCES customers ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED, total numeric(20,2) DEFAULT 0.00 CONSTRAINT "not negative" CHECK (total >= 0) NO INHERIT, placed timestamptz(3) DEFAULT now() NOT NULL) WITH (fillfactor = 70);
  CREATE INDEX "by lower" ON orders ((total * 2)) INCLUDE (placed) WHERE total > 5; CREATE UNIQUE INDEX clustering ON orders (placed DESC NULLS LAST, id); ALTER TABLE orders CLUSTER ON clustering; ALTER TABLE orders REPLICA IDENTITY USING INDEX orders_pkey;
  COMMENT ON INDEX clustering IS 'c'; CREATE STATISTICS orders_stats (dependencies) ON customer, total FROM orders;
  CREATE TRIGGER touched BEFORE UPDATE OF total ON orders FOR EACH ROW WHEN (OLD.total <> NEW.total) EXECUTE FUNCTION touch(); ALTER TABLE orders DISABLE TRIGGER touched; CREATE TRIGGER always AFTER INSERT ON orders FOR EACH STATEMENT EXECUTE FUNCTION touch(); ALTER TABLE orders ENABLE ALWAYS TRIGGER always;
  CREATE RULE quiet AS ON DELETE TO orders WHERE old.total > 100 DO INSTEAD NOTHING;
  CREATE TABLE lines (order_id int, n smallint, FOREIGN KEY (order_id) REFERENCES orders (id) MATCH FULL, PRIMARY KEY (order_id, n)); ALTER TABLE lines ENABLE ROW LEVEL SECURITY; ALTER TABLE lines FORCE ROW LEVEL SECURITY;
  CREATE POLICY mine ON lines AS RESTRICTIVE FOR UPDATE TO PUBLIC USING (n > 0) WITH CHECK (n < 10);
  CREATE TABLE events (id bigint, at date NOT NULL, kind text DEFAULT 'x', PRIMARY KEY (id, at)) PARTITION BY RANGE (at); CREATE INDEX ON events (kind);
  CREATE TABLE events_old PARTITION OF events FOR VALUES FROM (MINVALUE) TO ('2026-01-01'); ALTER TABLE events_old ALTER kind SET DEFAULT 'old';
  CREATE TABLE events_rest PARTITION OF events DEFAULT;
  CREATE TABLE parent (id int NOT NULL, tag text); CREATE TABLE child (extra text) INHERITS (parent);
  CREATE TABLE rooms (room int, during tstzrange, EXCLUDE USING gist (room WITH =, during WITH &&) WHERE (room > 0));
  CREATE UNLOGGED TABLE hot (k bytea, v bit(3)[]);
  CREATE TABLE quoted ("a""b" int, "select" "char", "ünï 🙂" interval day to second(2));
  CREATE VIEW shown WITH (security_barrier = true) AS SELECT o.id, c.name FROM orders o JOIN customers c ON c.id = o.customer WHERE o.total > 1; COMMENT ON VIEW shown IS 'v';
  CREATE MATERIALIZED VIEW totals AS SELECT customer, sum(total) AS total FROM orders GROUP BY customer; CREATE UNIQUE INDEX ON totals (customer);
  INSERT INTO orders (customer) SELECT id FROM customers;`;

let origin: TestDatabase;
let copy: TestDatabase;

beforeAll(async () => {
  origin = await makeDatabase("pg_ddl");
  copy = await makeDatabase("pg_ddl_copy");
  await origin.run(TYPES + SCHEMA);
  await copy.run(TYPES);
});
afterAll(async () => {
  await close();
  await origin.drop();
  await copy.drop();
});

/** The schema as pg_dump writes it, one statement a line, in a fixed order. */
function dumped(database: string): string[] {
  const { host, port, user } = serverOf();
  const dump = spawnSync(join(testServers.postgresBinDir, "pg_dump"), ["--schema-only", "--no-owner"], {
    encoding: "utf8",
    env: { PATH: "", PGHOST: host, PGPORT: String(port), PGUSER: user, PGDATABASE: database } as unknown as NodeJS.ProcessEnv,
  });
  return dump.stdout
    .split(/;\n/)
    .map((statement) => statement.replace(/^(--.*|\\.*)?\n/gm, "").trim())
    .toSorted();
}

describe("the statements", () => {
  it("make every table again, as pg_dump sees it", async () => {
    for (const name of TABLES) {
      const { ddl } = await postgresTables.schema(origin.connection, { name }, {});
      await copy.run(ddl).catch((error: unknown) => {
        throw new Error(`${String(error)} in\n${ddl}`);
      });
    }
    expect(dumped(copy.name)).toEqual(dumped(origin.name));
  });
});

describe("the schema page", () => {
  it("has columns, keys, references, indexes, constraints and triggers", async () => {
    const orders = await postgresTables.schema(origin.connection, { schema: "public", name: "orders" }, {});
    expect(orders.columns.map(({ name, type, family, nullable, keyPosition }) => ({ name, type, family, nullable, keyPosition }))).toEqual([
      { name: "id", type: "int4", family: "number", nullable: false, keyPosition: 1 },
      { name: "customer", type: "int8", family: "number", nullable: false, keyPosition: null },
      { name: "total", type: "numeric(20,2)", family: "number", nullable: true, keyPosition: null },
      { name: "placed", type: "timestamptz(3)", family: "time", nullable: false, keyPosition: null },
    ]);
    expect(orders.columns[1]?.references).toEqual({ schema: "public", table: "customers", column: "id" });
    expect(orders.indexes.map((index) => index.name)).toEqual(["orders_pkey", "by lower", "clustering"]);
    expect(orders.indexes[0]).toMatchObject({ primary: true, unique: true, bytes: expect.any(Number), scans: expect.any(Number) });
    expect(orders.constraints.map((constraint) => constraint.kind)).toEqual(["primary key", "check", "foreign key"]);
    expect(orders.triggers.map((trigger) => [trigger.name, trigger.enabled])).toEqual([
      ["always", true],
      ["touched", false],
    ]);
    expect(orders.referencedBy).toEqual([{ schema: "public", table: "lines", constraint: "lines_order_id_fkey" }]);
    const customers = await postgresTables.schema(origin.connection, { name: "customers" }, {});
    expect(customers.columns.map((column) => [column.name, column.generated, column.default])).toEqual([
      ["id", "identity, always", null],
      ["name", null, null],
      ["feeling", null, "'sad'::public.mood"],
      ["Weird Name", null, null],
      ["upper_name", "upper(name)", null],
    ]);
    expect(customers.columns[3]?.comment).toBe("two\nlines");
  });

  it("lists every kind once, with sizes that add up", async () => {
    const { tables, totalBytes } = await postgresTables.list(origin.connection, {});
    const kinds = Object.fromEntries(tables.map((table) => [table.name, table.kind]));
    expect(kinds).toMatchObject({ customers: "table", events: "partitioned table", events_old: "table", shown: "view", totals: "materialized view" });
    const bytes = (name: string): number => tables.find((table) => table.name === name)?.bytes ?? -1;
    expect(bytes("events")).toBe(bytes("events_old") + bytes("events_rest"));
    expect(bytes("shown")).toBe(-1);
    expect(totalBytes).toBe(tables.filter((table) => table.kind !== "partitioned table").reduce((sum, table) => sum + (table.bytes ?? 0), 0));
    expect(tables.find((table) => table.name === "hot")).toMatchObject({ rowsEstimate: 0, rowsExact: true });
  });
});
