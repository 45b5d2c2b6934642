/** The bookshop in PostgreSQL: database `bookshop`, schema public; the oddly named tables are in a schema of their own. */
import { readFileSync } from "node:fs";
import pg from "pg";
import { awkwardNames, postgresColumns, postgresValues } from "./awkward.mjs";
import { bookshop } from "./bookshop.mjs";

const mark = "Foundry Console bookshop, version 1";
export const oddSchema = 'odd "names"';

/**
 * Makes the database when it is not there yet. It appears under its name only when it is complete.
 * @param {string} url of a role that may create databases
 * @param {{database?: string}} options
 * @returns {Promise<string>} URL of the seeded database
 */
export async function seed(url, { database = "bookshop" } = {}) {
  const place = new URL(url);
  place.pathname = `/${encodeURIComponent(database)}`;
  const building = `${database}_seeding`;
  await withClient(url, async (server) => {
    const { rows } = await server.query("SELECT shobj_description(oid, 'pg_database') AS mark FROM pg_database WHERE datname = $1", [database]);
    if (rows[0]?.mark === mark) return;
    if (rows[0]) throw new Error(`There is a database ${database} already, and it is not the bookshop of this version: drop or rename it first.`);
    await server.query(`DROP DATABASE IF EXISTS ${quote(building)}`);
    await server.query(`CREATE DATABASE ${quote(building)} TEMPLATE template0 ENCODING 'UTF8'`);
    const inside = new URL(place);
    inside.pathname = `/${encodeURIComponent(building)}`;
    await withClient(inside.href, fill);
    await server.query(`COMMENT ON DATABASE ${quote(building)} IS '${mark}'`);
    await server.query(`ALTER DATABASE ${quote(building)} RENAME TO ${quote(database)}`);
  });
  return place.href;
}

const quote = (name) => `"${name.replaceAll('"', '""')}"`;

async function withClient(url, work) {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

async function fill(client) {
  await client.query("SET TIME ZONE 'UTC'");
  await client.query("BEGIN");
  await client.query(readFileSync(new URL("postgres-bookshop.sql", import.meta.url), "utf8"));
  await fillBookshop(client);
  await fillAwkward(client);
  await client.query("COMMIT");
  await client.query("REFRESH MATERIALIZED VIEW monthly_revenue");
  await client.query("VACUUM ANALYZE");
}

async function fillBookshop(client) {
  const { authors, books, customers, orders, lines, reviews } = bookshop();
  const insert = (into, columns, rows, typed) =>
    client.query(`INSERT INTO ${into} SELECT ${columns} FROM json_to_recordset($1) AS r(${typed})`, [JSON.stringify(rows)]);
  await insert(
    "authors (id, name, country, born, biography) OVERRIDING SYSTEM VALUE",
    "id, name, country, born, biography",
    authors,
    "id integer, name text, country text, born date, biography text",
  );
  await insert(
    "books (id, isbn, title, author_id, genre, price, published, in_stock, tags, summary, updated_at)",
    `id, isbn, title, "authorId", genre, price, published, "inStock", tags, summary, TIMESTAMPTZ '2026-01-01 00:00:00.000001+00'`,
    books,
    'id integer, isbn text, title text, "authorId" integer, genre text, price numeric, published date, "inStock" integer, tags text[], summary text',
  );
  await insert(
    "customers (id, name, email, home, is_active, joined_at, note) OVERRIDING SYSTEM VALUE",
    `id, name, email, ROW(NULL, city, NULL)::address, "isActive", "joinedAt", note`,
    customers,
    'id bigint, name text, email text, city text, "isActive" boolean, "joinedAt" timestamptz, note text',
  );
  await insert(
    "orders (id, customer_id, placed_at, status, total)",
    'id, "customerId", "placedAt", status, total',
    orders,
    'id bigint, "customerId" bigint, "placedAt" timestamptz, status text, total numeric',
  );
  await insert(
    "order_lines (order_id, line_number, book_id, quantity, unit_price)",
    '"orderId", "lineNumber", "bookId", quantity, "unitPrice"',
    lines,
    '"orderId" bigint, "lineNumber" smallint, "bookId" integer, quantity integer, "unitPrice" numeric',
  );
  await insert(
    "reviews (book_id, customer_id, rating, body, written_at)",
    '"bookId", "customerId", rating, body, "writtenAt"',
    reviews,
    '"bookId" integer, "customerId" bigint, rating smallint, body text, "writtenAt" timestamptz',
  );
  await client.query(
    "UPDATE customers SET mood = (enum_range(NULL::mood))[1 + id % 3], home = ROW(CASE WHEN id % 2 = 0 THEN '12, \"High\" St.' END, (home).city, id % 7)::address",
  );
  await client.query(
    "INSERT INTO sales SELECT o.placed_at::date, l.book_id, l.quantity, l.quantity * l.unit_price FROM order_lines l JOIN orders o ON o.id = l.order_id ORDER BY o.id, l.line_number",
  );
  await client.query("INSERT INTO shelf_moves SELECT TIMESTAMPTZ '2026-03-01 09:00:00+00', id, 'A' || id % 9, NULL FROM books WHERE id <= 60");
  await client.query("INSERT INTO shelf_moves SELECT * FROM shelf_moves WHERE book_id <= 5");
  for (const table of ["authors", "books", "customers", "orders"]) {
    await client.query(`SELECT setval(pg_get_serial_sequence($1, 'id'), (SELECT max(id) FROM ${table}))`, [table]);
  }
}

async function fillAwkward(client) {
  const major = Math.floor(Number((await client.query("SELECT current_setting('server_version_num') AS number")).rows[0].number) / 10_000);
  const columns = Object.entries(postgresColumns).map(([name, type]) => `${name} ${type === "nummultirange" && major < 14 ? "text" : type}`);
  await client.query(`CREATE TABLE awkward_values (id integer PRIMARY KEY, label text NOT NULL, ${columns.join(", ")})`);
  for (const [index, { label, column, text, from }] of postgresValues.entries()) {
    if (from !== undefined && major < from) continue;
    await client.query(`INSERT INTO awkward_values (id, label, ${column}) VALUES ($1, $2, $3)`, [index + 1, label, text]);
  }
  // One table a name, and one table with all of them as columns.
  await client.query(`CREATE SCHEMA ${quote(oddSchema)}`);
  for (const name of awkwardNames) {
    const table = `${quote(oddSchema)}.${quote(name)}`;
    await client.query(`CREATE TABLE ${table} (${quote(name)} text PRIMARY KEY)`);
    await client.query(`INSERT INTO ${table} VALUES ($1)`, [name]);
  }
  const all = `${quote(oddSchema)}.${quote("all names as columns")}`;
  await client.query(`CREATE TABLE ${all} (id integer PRIMARY KEY, ${awkwardNames.map((name) => `${quote(name)} text`).join(", ")})`);
  await client.query(`INSERT INTO ${all} VALUES (1, ${awkwardNames.map((_, index) => `$${index + 1}`).join(", ")})`, awkwardNames);
}
