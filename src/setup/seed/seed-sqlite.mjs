/** The bookshop in an SQLite file. */
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import Database from "better-sqlite3";
import { awkwardNames, sqliteValues } from "./awkward.mjs";
import { bookshop } from "./bookshop.mjs";

const applicationId = 0x46_43_62_31;

const objects = `
  CREATE TABLE authors (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, country TEXT NOT NULL, born TEXT NOT NULL, biography TEXT);
  CREATE TABLE books (
    id INTEGER PRIMARY KEY,
    isbn TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL COLLATE NOCASE,
    author_id INTEGER NOT NULL REFERENCES authors (id) ON DELETE RESTRICT,
    genre TEXT NOT NULL,
    price NUMERIC NOT NULL CHECK (price >= 0),
    price_with_tax NUMERIC GENERATED ALWAYS AS (round(price * 1.06, 4)) STORED,
    published TEXT NOT NULL,
    in_stock INTEGER NOT NULL DEFAULT 0,
    tags TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(tags)),
    summary TEXT,
    updated_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
  );
  CREATE INDEX books_author_id ON books (author_id);
  CREATE INDEX books_title_lower ON books (lower(title));
  CREATE INDEX books_sold_out ON books (published) WHERE in_stock = 0;
  CREATE TABLE customers (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL, city TEXT, is_active INTEGER NOT NULL DEFAULT 1, joined_at TEXT NOT NULL, note TEXT,
    first_name TEXT GENERATED ALWAYS AS (substr(name, 1, instr(name, ' ') - 1)) VIRTUAL
  );
  CREATE UNIQUE INDEX customers_email ON customers (lower(email));
  CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers (id), placed_at TEXT NOT NULL, status TEXT NOT NULL, total_cents INTEGER NOT NULL) STRICT;
  CREATE INDEX orders_customer_placed ON orders (customer_id, placed_at DESC);
  CREATE TABLE order_lines (
    order_id INTEGER NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    line_number INTEGER NOT NULL,
    book_id INTEGER NOT NULL REFERENCES books (id),
    quantity INTEGER NOT NULL CHECK (quantity > 0),
    unit_price NUMERIC NOT NULL,
    PRIMARY KEY (order_id, line_number)
  ) WITHOUT ROWID;
  CREATE TABLE reviews (
    book_id INTEGER NOT NULL REFERENCES books (id), customer_id INTEGER NOT NULL REFERENCES customers (id), rating INTEGER NOT NULL, body TEXT, written_at TEXT NOT NULL,
    PRIMARY KEY (book_id, customer_id)
  );
  CREATE TABLE shelf_moves (moved_at, book_id, from_shelf, to_shelf);
  CREATE TABLE covers (digest BLOB PRIMARY KEY, picture BLOB NOT NULL) WITHOUT ROWID;
  CREATE VIEW bestsellers AS
    SELECT b.id, b.title, a.name AS author, sum(l.quantity) AS copies
    FROM books b JOIN authors a ON a.id = b.author_id JOIN order_lines l ON l.book_id = b.id GROUP BY b.id;
  CREATE TRIGGER books_touch AFTER UPDATE OF price ON books BEGIN
    UPDATE books SET updated_at = CURRENT_TIMESTAMP WHERE id = new.id;
  END;
  CREATE VIRTUAL TABLE books_search USING fts5 (title, summary, content = 'books', content_rowid = 'id');
  CREATE TRIGGER books_search_insert AFTER INSERT ON books BEGIN
    INSERT INTO books_search (rowid, title, summary) VALUES (new.id, new.title, new.summary);
  END;
  CREATE TABLE awkward_values (id INTEGER PRIMARY KEY, label TEXT NOT NULL, value);`;

/**
 * Makes the file when it is not there yet; it appears under its name only when it is complete.
 * @param {string} file absolute path
 */
export async function seed(file) {
  if (existsSync(file)) return;
  mkdirSync(dirname(file), { recursive: true });
  const building = `${file}.seeding`;
  rmSync(building, { force: true });
  const database = new Database(building);
  try {
    database.pragma(`application_id = ${applicationId}`);
    database.exec(objects);
    database.transaction(fill)(database);
    database.exec("ANALYZE");
  } finally {
    database.close();
  }
  renameSync(building, file);
  // As most files of working applications are.
  const finished = new Database(file);
  finished.pragma("journal_mode = WAL");
  finished.close();
}

const quote = (name) => `"${name.replaceAll('"', '""')}"`;

function fill(database) {
  const { authors, books, customers, orders, lines, reviews } = bookshop();
  const insert = (into, names, rows) => {
    const statement = database.prepare(`INSERT INTO ${into} VALUES (${names.map((name) => `@${name}`).join(", ")})`);
    for (const row of rows) statement.run(row);
  };
  insert("authors (id, name, country, born, biography)", ["id", "name", "country", "born", "biography"], authors);
  insert(
    "books (id, isbn, title, author_id, genre, price, published, in_stock, tags, summary, updated_at)",
    ["id", "isbn", "title", "authorId", "genre", "price", "published", "inStock", "tags", "summary", "updatedAt"],
    books.map((book) => ({ ...book, tags: JSON.stringify(book.tags), updatedAt: "2026-01-01 00:00:00" })),
  );
  insert(
    "customers (id, name, email, city, is_active, joined_at, note)",
    ["id", "name", "email", "city", "isActive", "joinedAt", "note"],
    customers.map((customer) => ({ ...customer, isActive: customer.isActive ? 1 : 0 })),
  );
  insert(
    "orders (id, customer_id, placed_at, status, total_cents)",
    ["id", "customerId", "placedAt", "status", "totalCents"],
    orders.map((order) => ({ ...order, totalCents: Math.round(Number(order.total) * 100) })),
  );
  insert("order_lines (order_id, line_number, book_id, quantity, unit_price)", ["orderId", "lineNumber", "bookId", "quantity", "unitPrice"], lines);
  insert("reviews (book_id, customer_id, rating, body, written_at)", ["bookId", "customerId", "rating", "body", "writtenAt"], reviews);
  database.exec("INSERT INTO shelf_moves SELECT '2026-03-01T09:00:00Z', id, 'A' || id % 9, NULL FROM books WHERE id <= 60");
  database.exec("INSERT INTO shelf_moves SELECT * FROM shelf_moves WHERE book_id <= 5");
  database.exec("INSERT INTO covers SELECT CAST(printf('%04d', id) || x'00ff' AS BLOB), x'89504e470d0a1a0a00' FROM books WHERE id <= 20");
  for (const [index, { label, sql }] of sqliteValues.entries()) {
    database.prepare(`INSERT INTO awkward_values VALUES (?, ?, ${sql})`).run(index + 1, label);
  }
  for (const name of awkwardNames) {
    database.exec(`CREATE TABLE ${quote(name)} (${quote(name)} TEXT PRIMARY KEY)`);
    database.prepare(`INSERT INTO ${quote(name)} VALUES (?)`).run(name);
  }
  database.exec(`CREATE TABLE "all names as columns" (id INTEGER PRIMARY KEY, ${awkwardNames.map(quote).join(", ")})`);
  database.prepare(`INSERT INTO "all names as columns" VALUES (1, ${awkwardNames.map(() => "?").join(", ")})`).run(awkwardNames);
}
