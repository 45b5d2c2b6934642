/** First page, page at 90 % and object list with a million items: time at the server, over REST, beside nothing else running. */
import { fillAll } from "./bench-data.mjs";
import { ITEMS, mebibytes, startBench, table } from "./bench-console.mjs";

const RUNS = 7;
const at = Math.floor(ITEMS * 0.9);
const bench = await startBench({ mongodbUrl: process.env.BENCH_MONGODB_URL, prepare: (urls) => fillAll(urls) });
try {
  const cursor = (order, key) => Buffer.from(JSON.stringify({ v: 1, o: [order], k: [key] })).toString("base64url");
  const mongoDeep = async () => {
    const first = await (await bench.api("/mongodb/collections/events/documents?limit=1")).json();
    return deepCursor(first.nextCursor);
  };
  const cases = [
    ["PostgreSQL", "object list", "/postgres/tables"],
    ["PostgreSQL", "first page", "/postgres/tables/events/rows?limit=100"],
    ["PostgreSQL", "page at 90 %", `/postgres/tables/events/rows?limit=100&after=${cursor("+id", { text: String(at) })}`],
    ["SQLite", "object list", "/sqlite/tables"],
    ["SQLite", "first page", "/sqlite/tables/events/rows?limit=100"],
    ["SQLite", "page at 90 %", `/sqlite/tables/events/rows?limit=100&after=${cursor("+rowid", { text: String(at), storage: "integer" })}`],
    ["Redis", "object list (overview)", "/redis/info"],
    ["Redis", "first page", "/redis/keys?count=500"],
    ["Redis", "page at 90 %", "/redis/keys?count=500&cursor=DEEP"],
    ...(bench.data.mongodb
      ? [
          ["MongoDB", "object list", "/mongodb/collections"],
          ["MongoDB", "first page", "/mongodb/collections/events/documents?limit=100"],
          ["MongoDB", "page at 90 %", `/mongodb/collections/events/documents?limit=100&after=${await mongoDeep()}`],
        ]
      : []),
  ];
  const redisDeep = await redisCursorAt90();
  const rows = [["engine", "what", "median ms", "worst ms", "bytes", "resident"]];
  for (const [engine, what, template] of cases) {
    const path = template.replace("DEEP", redisDeep);
    const times = [];
    let bytes = 0;
    for (let run = 0; run <= RUNS; run += 1) {
      const started = performance.now();
      const answer = await bench.api(path);
      const body = await answer.text();
      if (!answer.ok) throw new Error(`${path}: ${answer.status} ${body.slice(0, 300)}`);
      // The first run opens connections.
      if (run > 0) times.push(performance.now() - started);
      bytes = body.length;
    }
    times.sort((a, b) => a - b);
    rows.push([engine, what, times[Math.floor(times.length / 2)].toFixed(1), times.at(-1).toFixed(1), bytes, mebibytes(bench.resident())]);
  }
  process.stdout.write(`\n${ITEMS} rows, keys and documents; ${RUNS} runs each, whole HTTP answers\n`);
  table(rows);
  process.stdout.write(`peak memory of the console ${mebibytes(bench.peak())}\n`);
} finally {
  await bench.stop();
}

/** Walks the scan to nine tenths once; its cursor is then a place to measure from. */
async function redisCursorAt90() {
  let cursor = "0";
  let seen = 0;
  while (seen < at) {
    const page = await (await bench.api(`/redis/keys?count=2000&cursor=${cursor}`)).json();
    seen += page.scanned;
    if (page.cursor === null) break;
    cursor = page.cursor;
  }
  return cursor;
}

/** The cursor of a first page, moved to the document at nine tenths: its key is the raw BSON of an int32 `_id`. */
function deepCursor(cursor) {
  const text = Buffer.from(cursor, "base64url");
  const decoded = JSON.parse(text.toString("utf8"));
  const raw = JSON.stringify(decoded);
  return Buffer.from(raw.replace(/"([A-Za-z0-9+/_-]{6,})"/g, (whole, base64) => moved(whole, base64))).toString("base64url");
}

function moved(whole, base64) {
  const bytes = Buffer.from(base64, "base64url");
  for (let offset = 0; offset + 4 <= bytes.length; offset += 1) {
    if (bytes.readInt32LE(offset) !== 1) continue;
    bytes.writeInt32LE(at, offset);
    return `"${bytes.toString("base64url")}"`;
  }
  return whole;
}
