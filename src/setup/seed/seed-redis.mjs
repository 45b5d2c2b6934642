/** The bookshop in Redis: what a shop keeps there (baskets, sessions, rankings, events), in logical databases 0 and 3. */
import { Redis } from "ioredis";
import { redisValues } from "./awkward.mjs";
import { bookshop } from "./bookshop.mjs";

const mark = "seed:bookshop";
const version = "1";
const day = 86_400;

/**
 * Writes the keys when the mark is not there yet. Keys of the same names are replaced, others are left alone.
 * @param {string} url
 */
export async function seed(url) {
  const redis = new Redis(url, { db: 0, lazyConnect: true, maxRetriesPerRequest: 1, connectTimeout: 10_000 });
  try {
    await redis.connect();
    if ((await redis.get(mark)) === version) return;
    await fillBookshop(redis);
    await fillAwkward(redis);
    await redis.select(0);
    await redis.set(mark, version);
  } finally {
    redis.disconnect();
  }
}

/** A pipeline hides errors in its answers; here every one of them counts. */
async function send(pipeline) {
  for (const [error] of await pipeline.exec()) if (error) throw error;
}

async function fillBookshop(redis) {
  const { authors, books, customers, orders, lines, reviews } = bookshop();
  const shop = redis.pipeline();
  const drop = (...keys) => shop.del(...keys);
  for (const { id, title, isbn, price, inStock } of books) shop.hset(`book:${id}`, { title, isbn, price, in_stock: inStock });
  for (const { id, name } of authors) shop.set(`author:${id}:name`, name);
  for (const { id, email, city } of customers)
    shop.set(`session:${id.toString(16).padStart(32, "0")}`, JSON.stringify({ customer: id, email, city }), "EX", 7 * day + id * 600);
  for (const { id, authorId, tags } of books) {
    shop.sadd(`author:${authorId}:books`, id);
    for (const tag of tags) shop.sadd(`tag:${tag}`, id);
  }
  drop("bestsellers", "orders:recent", "orders:events", "visitors:2026-11-23", "customers:active", "shops");
  for (const { bookId, quantity } of lines) shop.zincrby("bestsellers", quantity, bookId);
  for (const { bookId, rating } of reviews) shop.hincrby("ratings:sum", bookId, rating);
  shop.rpush("orders:recent", ...orders.slice(-100).map(({ id }) => id));
  for (const { orderId, bookId, quantity } of lines.slice(0, 200)) shop.hset(`basket:${orderId}`, bookId, quantity);
  for (let id = 1; id <= 40; id += 1) shop.expire(`basket:${id}`, 2 * day);
  shop.pfadd("visitors:2026-11-23", ...customers.map(({ email }) => email));
  for (const { id, isActive } of customers) shop.setbit("customers:active", id, isActive ? 1 : 0);
  shop.geoadd("shops", -9.1393, 38.7223, "Lisbon", 19.945, 50.0647, "Kraków", 135.5023, 34.6937, "Osaka");
  for (const { id, customerId, status, total } of orders.slice(-60))
    shop.xadd("orders:events", `1764000000000-${id}`, "order", id, "customer", customerId, "status", status, "total", total);
  // Two equal field names, an empty one and a deleted entry are all legal in a stream.
  shop.xadd("orders:events", "1764000000001-1", "note", "first", "note", "second", "", "");
  shop.xdel("orders:events", "1764000000000-500");
  shop.xgroup("CREATE", "orders:events", "packing", "0");
  shop.xgroup("CREATE", "orders:events", "billing", "$");
  shop.xreadgroup("GROUP", "packing", "packer-1", "COUNT", 5, "STREAMS", "orders:events", ">");
  shop.xreadgroup("GROUP", "packing", "packer-2", "COUNT", 3, "STREAMS", "orders:events", ">");
  await send(shop);

  const rates = redis.pipeline();
  rates.select(3);
  for (const [currency, rate] of [
    ["EUR", "1"],
    ["GBP", "0.8412"],
    ["JPY", "161.27"],
    ["PLN", "4.2615"],
  ])
    rates.set(`rate:${currency}`, rate, "EX", 30 * day);
  rates.hset("settings", { theme: "dark", "page size": "50" });
  rates.select(0);
  await send(rates);
}

const bytes = (value) => ("text" in value ? Buffer.from(value.text, "utf8") : Buffer.from(value.base64, "base64"));

async function fillAwkward(redis) {
  const writers = {
    string: (key, { value }) => ["SET", key, bytes(value)],
    list: (key, { items }) => ["RPUSH", key, ...items.map(bytes)],
    set: (key, { items }) => ["SADD", key, ...items.map(bytes)],
    hash: (key, { fields }) => ["HSET", key, ...fields.flatMap(([field, value]) => [bytes(field), bytes(value)])],
    zset: (key, { members }) => ["ZADD", key, ...members.flatMap(([member, score]) => [score, bytes(member)])],
  };
  const pipeline = redis.pipeline();
  for (const entry of redisValues) {
    const key = bytes(entry.key);
    pipeline.select(entry.database);
    pipeline.del(key);
    const [command, ...args] = writers[entry.type](key, entry);
    pipeline.call(command, ...args);
    if (entry.expiresInSeconds) pipeline.expire(key, entry.expiresInSeconds);
  }
  await send(pipeline);
}
