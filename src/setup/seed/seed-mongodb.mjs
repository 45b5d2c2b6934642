/** The bookshop in MongoDB, with keys of four different types, as grown databases have them. */
import { Binary, Decimal128, Long, MongoClient, ObjectId } from "mongodb";
import { awkwardCollectionNames, mongodbShapes, mongodbValues } from "./awkward.mjs";
import { bookshop } from "./bookshop.mjs";
import { insertRaw, rawDocument } from "./mongodb-raw.mjs";

const version = 1;

/**
 * Fills the database when the mark (document `seed` of collection `about`) is not there yet; its list
 * `notKept` names the awkward values that this server refuses or stores as something else.
 * @param {string} url of a server without authentication
 * @param {{database?: string}} options
 */
export async function seed(url, { database: name = "bookshop" } = {}) {
  const client = new MongoClient(url, { serverSelectionTimeoutMS: 10_000 });
  try {
    const database = client.db(name);
    const mark = await database.collection("about").findOne({ _id: "seed" });
    if (mark?.version === version && mark.complete === true) return;
    if (!mark && (await database.listCollections({}, { nameOnly: true }).toArray()).length > 0) {
      throw new Error(`There is a database ${name} already, and it is not the bookshop: drop it first.`);
    }
    await database.dropDatabase();
    await database.collection("about").insertOne({ _id: "seed", version, complete: false });
    await fillBookshop(database);
    const notKept = await fillAwkward(database, url);
    await database.collection("about").updateOne({ _id: "seed" }, { $set: { complete: true, notKept } });
  } finally {
    await client.close();
  }
}

const bookId = (id) => new ObjectId(`65a0000000000000${id.toString(16).padStart(8, "0")}`);
const customerId = (id) => new Binary(Buffer.from(`00000000000040008000${id.toString(16).padStart(12, "0")}`, "hex"), Binary.SUBTYPE_UUID);
const orderId = (id) => Long.fromString("9007199254740993").add(id);
const money = (text) => Decimal128.fromString(text);

async function fillBookshop(database) {
  const { authors, books, customers, orders, lines, reviews } = bookshop();
  const reviewsOf = Map.groupBy(reviews, ({ bookId: id }) => id);
  const linesOf = Map.groupBy(lines, ({ orderId: id }) => id);
  await database.createCollection("customers", {
    validator: {
      $jsonSchema: {
        bsonType: "object",
        required: ["name", "email"],
        properties: { name: { bsonType: "string" }, email: { bsonType: "string", pattern: "^[^@]+@[^@]+$" }, active: { bsonType: "bool" } },
      },
    },
    validationLevel: "moderate",
  });
  await database.createCollection("events", { capped: true, size: 1_048_576, max: 500 });
  await database.collection("authors").insertMany(authors.map(({ id, born, ...author }) => ({ _id: id, ...author, born: new Date(born) })));
  await database.collection("books").insertMany(
    books.map(({ id, authorId, price, published, ...book }) => ({
      _id: bookId(id),
      ...book,
      author: authorId,
      price: money(price),
      published: new Date(published),
      ratings: (reviewsOf.get(id) ?? []).map(({ rating }) => rating),
      ...(id % 3 === 0 ? { dimensions: { heightMm: 180 + (id % 60), weightGrams: id * 1.5 } } : {}),
      // Grown data: the field was a number once, then text, then a list.
      ...(id % 4 === 0 ? { shelf: id } : id % 4 === 1 ? { shelf: `A${id}` } : id % 4 === 2 ? { shelf: [id, "A"] } : id % 8 === 3 ? { shelf: null } : {}),
    })),
  );
  await database.collection("customers").insertMany(
    customers.map(({ id, isActive, joinedAt, city, ...customer }) => ({
      _id: customerId(id),
      ...customer,
      active: isActive,
      joinedAt: new Date(joinedAt),
      address: { city },
    })),
  );
  await database.collection("orders").insertMany(
    orders.map(({ id, customerId: customer, placedAt, status, total }) => ({
      _id: orderId(id),
      customer: customerId(customer),
      placedAt: new Date(placedAt),
      status,
      total: money(total),
      lines: (linesOf.get(id) ?? []).map((line) => ({ book: bookId(line.bookId), quantity: line.quantity, unitPrice: money(line.unitPrice) })),
    })),
  );
  await database.collection("reviews").insertMany(
    reviews.map(({ bookId: book, customerId: customer, rating, body, writtenAt }) => ({
      _id: { book: bookId(book), customer: customerId(customer) },
      rating,
      ...(body === null ? {} : { body }),
      writtenAt: new Date(writtenAt),
    })),
  );
  await database.collection("events").insertMany(orders.slice(-50).map(({ id, status, placedAt }) => ({ order: orderId(id), status, at: new Date(placedAt) })));
  await database
    .collection("sessions")
    .insertMany(customers.slice(0, 30).map(({ id }) => ({ customer: customerId(id), expiresAt: new Date(Date.UTC(2038, 0, 19) + id) })));
  await database.collection("books").createIndexes([
    { key: { isbn: 1 }, name: "isbn", unique: true },
    { key: { author: 1, published: -1 }, name: "author and date" },
    { key: { inStock: 1 }, name: "sold out", partialFilterExpression: { inStock: 0 } },
    { key: { tags: 1 }, name: "tags" },
  ]);
  await database.collection("sessions").createIndex({ expiresAt: 1 }, { name: "expiry", expireAfterSeconds: 0 });
  const byEmail = (options) => database.collection("customers").createIndex({ email: 1 }, { name: "email", unique: true, ...options });
  // DocumentDB knows no collations.
  await byEmail({ collation: { locale: "en", strength: 2 } }).catch((error) => (/not implemented/i.test(error.message) ? byEmail({}) : Promise.reject(error)));
  await database.collection("customers").createIndex({ note: 1 }, { name: "note", sparse: true });
  await database.createCollection("bestsellers", {
    viewOn: "orders",
    pipeline: [{ $unwind: "$lines" }, { $group: { _id: "$lines.book", copies: { $sum: "$lines.quantity" } } }, { $sort: { copies: -1 } }],
  });
}

async function fillAwkward(database, url) {
  const name = database.databaseName;
  const numbered = (fields, index) => rawDocument([["_id", { $numberInt: String(index + 1) }], ...fields]);
  const notKept = [];
  const insert = async (collection, entries, fieldsOf) => {
    for (const [index, entry] of entries.entries()) {
      const document = numbered(fieldsOf(entry), index);
      const refused = await insertRaw({ url, database: name, collection }, document).then(
        () => null,
        (error) => error.message,
      );
      const stored = refused ? null : await database.collection(collection).findOne({ _id: index + 1 }, { raw: true });
      if (!stored || Buffer.compare(Buffer.from(stored), document) !== 0) notKept.push({ label: entry.label, reason: refused ?? "stored differently" });
    }
  };
  await insert("awkward_values", mongodbValues, ({ label, value }) => [
    ["label", label],
    ["value", value],
  ]);
  await insert("awkward_shapes", mongodbShapes, ({ label, fields }) => [["label", label], ...fields]);
  for (const collection of awkwardCollectionNames) await database.collection(collection).insertOne({ _id: collection, name: collection });
  await database
    .collection("mixed_ids")
    .insertMany(
      [
        ...[
          1,
          2.5,
          Number.NaN,
          Long.MAX_VALUE,
          Decimal128.fromString("1.10"),
          "",
          "1",
          "é",
          true,
          false,
          new Date(0),
          new ObjectId("000000000000000000000001"),
        ],
        ...[new Binary(Buffer.from([0, 255])), { a: 1 }, { a: 1, b: null }, { b: null, a: 1 }],
      ].map((id) => ({ _id: id, kind: id._bsontype ?? typeof id })),
    );
  // The driver would make an ObjectId of it.
  await insertRaw(
    { url, database: name, collection: "mixed_ids" },
    rawDocument([
      ["_id", null],
      ["kind", "null"],
    ]),
  );
  return notKept;
}
