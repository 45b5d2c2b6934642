import { Redis } from "ioredis";
import { getKey } from "@/app/(console)/manage-dbs/redis/keys/key-value.service";
import { listKeys } from "@/app/(console)/manage-dbs/redis/keys/keys.service";
import type { KeyValue } from "@/app/(console)/manage-dbs/redis/keys/keys.schema";
import type { RedisBytes } from "@/app/(console)/manage-dbs/redis/redis.schema";
import type { Connection } from "@/server/connection";
import { startRedis } from "@/setup/redis-server.mjs";
import { redisValues } from "@/setup/seed/awkward.mjs";
import { seed } from "@/setup/seed/seed-redis.mjs";
import { testConnection } from "@/test/connections";
import { serverDirectory, type ContractSubject, type Outage, type Values } from "@/test/contract/subject";
import { uniqueName } from "@/test/servers";

type Server = Awaited<ReturnType<typeof startRedis>>;
type Entry = (typeof redisValues)[number];
type Given = Entry["key"];

let place = { directory: "", remove: async () => {} };
let server: Server;
/** Where the restore of this run put each database. */
let moved: Record<number, number> = {};
let nextFree = 5;

/** Exact and comparable: bytes as hexadecimal. */
const hexOf = (bytes: Given | RedisBytes): string => ("text" in bytes ? Buffer.from(bytes.text) : Buffer.from(bytes.base64, "base64")).toString("hex");
const scoreOf = (text: string): string => (Object.is(Number(text), -0) ? "-0" : String(Number(text.replace("inf", "Infinity"))));

function expectedText(entry: Entry): string {
  if (entry.type === "string") return `string ${hexOf(entry.value ?? { text: "" })}`;
  if (entry.type === "list") return `list ${(entry.items ?? []).map(hexOf).join(",")}`;
  if (entry.type === "set") return `set ${(entry.items ?? []).map(hexOf).toSorted().join(",")}`;
  if (entry.type === "hash")
    return `hash ${(entry.fields ?? [])
      .map(([field, value]) => `${hexOf(field)}=${hexOf(value)}`)
      .toSorted()
      .join(",")}`;
  return `zset ${(entry.members ?? [])
    .map(([member, score]) => `${hexOf(member)}=${scoreOf(score)}`)
    .toSorted()
    .join(",")}`;
}

function shownText(pages: KeyValue[]): string {
  const kind = pages[0]?.kind ?? "none";
  const parts = pages.flatMap((page) => {
    if (page.kind === "string") return [hexOf(page.value)];
    if (page.kind === "list") return page.items.map(({ value }) => hexOf(value));
    if (page.kind === "set") return page.members.map(hexOf);
    if (page.kind === "hash") return page.fields.map(({ field, value }) => `${hexOf(field)}=${hexOf(value)}`);
    if (page.kind === "zset") return page.members.map(({ member, score }) => `${hexOf(member)}=${scoreOf(score)}`);
    return [page.kind];
  });
  if (kind === "string") return `string ${parts.join("")}`;
  return `${kind} ${(kind === "list" ? parts : parts.toSorted()).join(",")}`;
}

const addressed = (key: Given) => ("text" in key ? { key: key.text, encoding: "utf8" as const } : { key: key.base64, encoding: "base64" as const });
const inDb = (entry: Entry) => `db${entry.database} ${entry.label}`;

async function keyspace(url: string): Promise<string[]> {
  const redis = new Redis(url);
  const info = await redis.info("keyspace");
  redis.disconnect();
  return info.split("\r\n").flatMap((line) => (/^db\d+:keys=\d+/.exec(line) ?? []).slice(0, 1));
}

export const redisSubject: ContractSubject = {
  engine: "redis",
  async open() {
    place = await serverDirectory("redis");
    server = await startRedis({ directory: place.directory, forTests: true });
    await seed(server.url);
  },
  async close() {
    await server?.stop();
    await place.remove();
  },
  connection: () => testConnection("redis", server.url, { name: uniqueName("contract") }),
  wrong() {
    const password = new URL(server.url);
    password.password = "not-this-one";
    const without = new URL(server.url);
    without.password = "";
    return [
      { title: "a port nobody listens on", connection: testConnection("redis", "redis://127.0.0.1:1", { name: "dead" }), code: "UNREACHABLE" },
      { title: "a wrong password", connection: testConnection("redis", password.href, { name: "password" }), code: "AUTH_FAILED" },
      { title: "no password", connection: testConnection("redis", without.href, { name: "without" }), code: "AUTH_FAILED" },
    ];
  },
  holds: ["bestsellers", "orders:events", "awkward:hash", ""],
  async objects(connection) {
    const names: string[] = [];
    for (let cursor: string | null | undefined; cursor !== null;) {
      const page: Awaited<ReturnType<typeof listKeys>> = await listKeys(connection, {
        db: 0,
        pattern: "*",
        patternEncoding: "utf8",
        count: 500,
        cursor: cursor ?? undefined,
      });
      for (const { name } of page.keys) if ("text" in name) names.push(name.text);
      cursor = page.cursor;
    }
    return names;
  },
  expected: async () => new Map(redisValues.map((entry) => [inDb(entry), expectedText(entry)])),
  async browse(connection, restored = false) {
    const values: Values = new Map();
    for (const entry of redisValues) {
      const db = restored ? (moved[entry.database] ?? -1) : entry.database;
      const pages: KeyValue[] = [];
      for (let cursor: string | null | undefined; cursor !== null;) {
        const page = await getKey(connection, { ...addressed(entry.key), db, count: 100, cursor: cursor ?? undefined });
        pages.push(page.value);
        if (entry.expiresInSeconds && (page.ttlMs ?? 0) <= 0) throw new Error(`${entry.label} lost its expiry`);
        cursor = page.nextCursor;
      }
      values.set(inDb(entry), shownText(pages));
    }
    return values;
  },
  exports: [0, 3].map((db) => ({
    title: `JSON lines of db${db}`,
    request: { db },
    values(text) {
      const lines = text
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as ExportedLine);
      const footer = lines.at(-1);
      if (footer?.footer !== true || footer.keys !== lines.length - 2) throw new Error("The export has no footer, or it counts other keys");
      const byKey = new Map(lines.slice(1, -1).map((line) => [exportedHex(line.k), line]));
      return new Map(redisValues.filter(({ database }) => database === db).map((entry) => [inDb(entry), exportedText(byKey.get(hexOf(entry.key)))]));
    },
  })),
  target() {
    moved = { 0: nextFree, 3: nextFree + 1 };
    nextFree += 2;
    return `0:${moved[0]},3:${moved[3]}`;
  },
  refused: () => ["0", "3", "0:14,3:14", "99", "nine"],
  restoredName: (name) => name.replace(/^db(\d+)/, (_, db: string) => `db${moved[Number(db)]}`),
  restored: () => testConnection("redis", server.url, { name: uniqueName("restored") }),
  places: () => keyspace(server.url),
  outage: redisOutage(),
};

type ExportedBytes = { s: string } | { b: string };
interface ExportedLine {
  footer?: boolean;
  keys?: number;
  k: ExportedBytes;
  t: string;
  v: unknown;
}

const exportedHex = (bytes: ExportedBytes): string => ("s" in bytes ? Buffer.from(bytes.s) : Buffer.from(bytes.b, "base64")).toString("hex");

function exportedText(line: ExportedLine | undefined): string {
  if (!line) return "not in the export";
  if (line.t === "string") return `string ${exportedHex(line.v as ExportedBytes)}`;
  const items = line.v as unknown[];
  const parts = items.map((item) => {
    if (line.t === "hash") return (item as ExportedBytes[]).slice(0, 2).map(exportedHex).join("=");
    if (line.t === "zset") return `${exportedHex((item as [ExportedBytes, string])[0])}=${scoreOf((item as [ExportedBytes, string])[1])}`;
    return exportedHex(item as ExportedBytes);
  });
  return `${line.t} ${(line.t === "list" ? parts : parts.toSorted()).join(",")}`;
}

function redisOutage(): Outage {
  let own: Server;
  let home = { directory: "", remove: async () => {} };
  const started = (port?: number) => startRedis({ directory: home.directory, forTests: true, ...(port === undefined ? {} : { port }) });
  return {
    async open(): Promise<Connection> {
      home = await serverDirectory("redis-outage");
      own = await started();
      const redis = new Redis(own.url);
      for (let from = 0; from < 100_000; from += 5_000) {
        const pipeline = redis.pipeline();
        for (let index = from; index < from + 5_000; index += 1) pipeline.set(`large:${index}`, "x".repeat(100) + index);
        await pipeline.exec();
      }
      await redis.save();
      redis.disconnect();
      await slowSnapshots(own.url);
      return testConnection("redis", own.url, { name: uniqueName("outage") });
    },
    request: { db: 0 },
    async crash() {
      process.kill(own.pid, "SIGKILL");
      await own.stop();
    },
    survivesCrash: false,
    async start() {
      own = await started(own.port);
      await slowSnapshots(own.url);
    },
    async close() {
      await own?.stop();
      await home.remove();
    },
  };
}

/** Two seconds for these keys: a crash half way must be possible. */
async function slowSnapshots(url: string): Promise<void> {
  const redis = new Redis(url);
  await redis.config("SET", "rdb-key-save-delay", "20");
  redis.disconnect();
}
