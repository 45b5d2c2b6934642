/**
 * `npm run verify -- --url http://127.0.0.1:3000`: uses a running console from outside, over HTTP alone, as a person with a browser
 * would (ADMIN_EMAIL and ADMIN_PASSWORD from the environment or `.env`), and prints what works for each of the four databases.
 * Ends with code 1 when anything does not. Restores go into new places, which stay there to be looked at; what is then replaced, and the
 * replacing undone, is such a new place too. Only Redis has no connection of its own for one: there it is what the connection opens, unless that is production.
 */
import { createHash, randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import { sleep } from "./processes.mjs";
import { SetupError } from "./progress.mjs";
import { readSettings } from "./settings.mjs";
import { root } from "./toolchain.mjs";
import { signIn } from "./verify-client.mjs";

const jobMinutes = 10;
const checks = ["info", "browse", "schema", "export", "list backups", "create backup", "download", "restore", "replace", "undo"];
const engines = { sqlite: "SQLite", redis: "Redis", postgres: "PostgreSQL", mongodb: "MongoDB" };

/** There is nothing of that kind on this server: neither good nor bad. */
class Nothing extends Error {}

function must(condition, reason) {
  if (!condition) throw new Error(reason);
}

const query = (values) => new URLSearchParams(Object.entries(values).filter(([, value]) => value !== undefined)).toString();
const lines = (text) => text.split("\n").filter((line) => line !== "");

/** What browse, schema and export mean in each engine's own words. `found` carries what one check hands to the next. */
const browsing = {
  sqlite: tables("sqlite"),
  postgres: tables("postgres"),

  redis: {
    async browse(call, found) {
      const { keys, databases } = await call.json("GET", "/redis/keys?count=200");
      found.databases = databases;
      const key = keys.find(({ name }) => name.text !== undefined && name.text !== "" && name.length === undefined) ?? keys[0];
      if (!key) throw new Nothing("no keys in database 0");
      found.key = key.name.text ?? key.name.base64;
      found.encoding = key.name.text === undefined ? "base64" : "utf8";
      found.detail = await call.json("GET", `/redis/keys/${encodeURIComponent(found.key)}?encoding=${found.encoding}`);
      must(found.detail.value, "the key has no value");
    },
    async schema(_call, found) {
      if (!found.detail) throw new Nothing("no key to look at");
      must(found.detail.type && "ttlMs" in found.detail && "memoryBytes" in found.detail, "type, expiry or memory of a key is missing");
    },
    async export(call) {
      const exported = lines(await call.file("/redis/keys/export?pattern=*"));
      must(JSON.parse(exported.at(-1) ?? "{}").footer === true, "the export has no footer: it ended early");
    },
    target: async (call, found) => {
      const { databases, databasesMax } = await call.json("GET", "/redis/keys?count=1");
      const used = new Set(databases.map(({ db }) => db));
      for (let db = (databasesMax ?? 16) - 1; db > 0; db -= 1) if (!used.has(db)) return (found.target = String(db));
      throw new Nothing("no logical database is empty");
    },
  },

  mongodb: {
    async browse(call, found) {
      const { collections } = await call.json("GET", "/mongodb/collections");
      const plain = collections.filter(({ kind }) => kind === "collection");
      found.collection = (plain.find(({ name }) => name === "books") ?? plain[0])?.name;
      if (found.collection === undefined) throw new Nothing("no collections");
      found.path = `/mongodb/collections/${encodeURIComponent(found.collection)}`;
      const { documents } = await call.json("GET", `${found.path}/documents?limit=5`);
      for (const { text } of documents) must(JSON.parse(text)._id !== undefined, "a document has no _id");
    },
    async schema(call, found) {
      if (!found.path) throw new Nothing("no collection to look at");
      const schema = await call.json("GET", `${found.path}/schema`);
      must(Array.isArray(schema.fields) && Array.isArray(schema.indexes), "fields or indexes are missing");
    },
    async export(call, found) {
      if (!found.path) throw new Nothing("no collection to export");
      const { count, exact } = await call.json("GET", `${found.path}/count`);
      const exported = lines(await call.file(`${found.path}/export`));
      for (const line of exported.slice(0, 100)) JSON.parse(line);
      must(!exact || exported.length === count, `${exported.length} documents exported of ${count}`);
    },
    target: async (_call, found) => (found.target = `verify_${randomBytes(4).toString("hex")}`),
  },
};

function tables(engine) {
  return {
    async browse(call, found) {
      const list = await call.json("GET", `/${engine}/tables`);
      const plain = list.tables.filter(({ kind }) => kind === "table");
      const table = plain.find(({ name }) => name === "books") ?? plain[0];
      if (!table) throw new Nothing("no tables");
      found.path = `/${engine}/tables/${encodeURIComponent(table.name)}`;
      found.schema = table.schema;
      const page = await call.json("GET", `${found.path}/rows?${query({ schema: found.schema, limit: 5 })}`);
      must(
        page.rows.every((row) => row.length === page.columns.length),
        "a row has not as many values as there are columns",
      );
    },
    async schema(call, found) {
      if (!found.path) throw new Nothing("no table to look at");
      const schema = await call.json("GET", `${found.path}/schema?${query({ schema: found.schema })}`);
      must(schema.columns.length > 0 && schema.ddl.length > 0, "columns or DDL are missing");
    },
    async export(call, found) {
      if (!found.path) throw new Nothing("no table to export");
      const { count, exact } = await call.json("GET", `${found.path}/count?${query({ schema: found.schema })}`);
      const exported = lines(await call.file(`${found.path}/export?${query({ schema: found.schema, format: "jsonl" })}`));
      for (const line of exported.slice(0, 100)) JSON.parse(line);
      must(!exact || exported.length === count, `${exported.length} rows exported of ${count}`);
    },
    target: async (_call, found) => (found.target = `verify_${randomBytes(4).toString("hex")}${engine === "sqlite" ? ".sqlite" : ""}`),
  };
}

/** @returns {Record<string, (call: any, found: any) => Promise<unknown>>} the eight checks of one engine, in order */
function checksOf(engine) {
  const backups = `/${engine}/backups`;
  return {
    info: async (call) => {
      const info = await call.json("GET", `/${engine}/info`);
      must(info.state === "connected", `not connected: ${info.reason ?? "no reason given"} ${info.fix ?? ""}`.trim());
      must(info.product && info.version, "product or version is missing");
    },
    browse: browsing[engine].browse,
    schema: browsing[engine].schema,
    export: browsing[engine].export,
    "list backups": async (call) => must(Array.isArray((await call.json("GET", backups)).backups), "no list"),
    "create backup": async (call, found) => {
      const { jobId, backupId } = await call.json("POST", backups, {});
      found.backupId = backupId;
      await jobEnds(call, jobId);
      const backup = await call.json("GET", `${backups}/${encodeURIComponent(backupId)}`);
      must(backup.state === "complete", `the backup is ${backup.state}`);
      must(backup.verifiedAt, "the backup was not read back");
      must(
        (await call.json("GET", backups)).backups.some(({ id }) => id === backupId),
        "the backup is not in the list",
      );
      found.sha256 = backup.sha256;
    },
    download: async (call, found) => {
      if (!found.sha256) throw new Nothing("no backup to download");
      const path = `${backups}/${encodeURIComponent(found.backupId)}/download`;
      const hash = createHash("sha256");
      let bytes = 0;
      for await (const chunk of await call.stream(path)) {
        hash.update(chunk);
        bytes += chunk.byteLength;
      }
      const manifest = JSON.parse(await call.file(`${path}?part=manifest`));
      must(bytes === manifest.bytes, `${bytes} bytes came, the manifest says ${manifest.bytes}`);
      must(hash.digest("hex") === manifest.sha256 && manifest.sha256 === found.sha256, "the SHA-256 differs from the manifest");
    },
    restore: async (call, found) => {
      if (!found.sha256) throw new Nothing("no backup to restore");
      const target = await browsing[engine].target(call, found);
      const { jobId } = await call.json("POST", `${backups}/${encodeURIComponent(found.backupId)}/restore`, { target, confirm: target });
      const { outcome } = await jobEnds(call, jobId);
      found.restored = target;
      found.open = outcome.openConnection;
    },
    replace: async (call, found) => {
      const { connection, target } = await replaceable(engine, { call, found });
      const started = await call.json("POST", backups, { connection });
      await jobEnds(call, started.jobId);
      const path = `${backups}/${encodeURIComponent(started.backupId)}/restore`;
      const { jobId } = await call.json("POST", path, { connection, target, replace: true, confirm: target });
      const { outcome } = await jobEnds(call, jobId);
      must(outcome.word.startsWith("restored"), `it says: ${outcome.word}`);
      found.swap = { connection, target, path: `/${engine}/restores/${encodeURIComponent(jobId)}` };
    },
    undo: async (call, found) => {
      if (!found.swap) throw new Nothing("nothing was replaced");
      const { path, connection, target } = found.swap;
      const undo = await call.json("POST", `${path}/undo`, { connection, confirm: target });
      const { outcome } = await jobEnds(call, undo.jobId);
      must(outcome.word === "undone", `it says: ${outcome.word}`);
      const drop = await call.json("POST", `${path}/drop`, { connection, confirm: target });
      await jobEnds(call, drop.jobId);
    },
  };
}

/** What may be replaced to try it: the copy that was just restored. */
async function replaceable(engine, { call, found }) {
  if (found.restored === undefined) throw new Nothing("nothing was restored to replace");
  if (engine !== "redis") return { connection: found.open, target: found.restored };
  const { connections } = await call.json("GET", "/connections?engine=redis");
  const main = connections.find(({ name }) => name === "main");
  if (main?.environment === "production") throw new Nothing("this Redis is production: its live keys are not replaced to try it");
  return { connection: "main", target: "0" };
}

async function jobEnds(call, jobId) {
  const until = Date.now() + jobMinutes * 60_000;
  while (Date.now() < until) {
    const job = await call.json("GET", `/jobs/${encodeURIComponent(jobId)}`);
    if (job.state === "succeeded") return job;
    if (job.state === "failed" || job.state === "cancelled")
      throw new Error(`the job ${job.state}${job.error ? `: ${job.error.message} ${job.error.detail ?? ""}` : ""}`.trim());
    await sleep(250);
  }
  throw new Error(`the job has not ended after ${jobMinutes} minutes`);
}

async function main() {
  const { values } = parseArgs({ options: { url: { type: "string" } } });
  const settings = readSettings(root);
  const url = values.url ?? settings.CONSOLE_URL ?? `http://127.0.0.1:${settings.PORT || 3000}`;
  const { ADMIN_EMAIL: email, ADMIN_PASSWORD: password } = settings;
  if (!email || !password) throw new SetupError("ADMIN_EMAIL and ADMIN_PASSWORD are not set.", "Set them to those of an admin of this console.");
  const call = await signIn({ url, email, password });

  const reasons = [];
  const restored = [];
  const rows = [];
  for (const [engine, label] of Object.entries(engines)) {
    const found = {};
    const row = [label];
    for (const [name, check] of Object.entries(checksOf(engine))) {
      try {
        await check(call, found);
        row.push("✓");
      } catch (error) {
        row.push(error instanceof Nothing ? "–" : "✗");
        reasons.push(`${error instanceof Nothing ? "–" : "✗"} ${label}, ${name}: ${error.message}`);
      }
    }
    if (found.restored !== undefined) restored.push(`${label} ${found.restored}`);
    rows.push(row);
  }

  const header = ["", ...checks];
  const widths = header.map((text, column) => Math.max(text.length, ...rows.map((row) => row[column].length)));
  for (const row of [header, ...rows])
    process.stdout.write(
      `${row
        .map((text, column) => text.padEnd(widths[column]))
        .join("  ")
        .trimEnd()}\n`,
    );
  for (const reason of reasons) process.stdout.write(`${reason}\n`);
  if (restored.length > 0) process.stdout.write(`Restored into: ${restored.join(", ")}\n`);
  process.exitCode = rows.flat().includes("✗") ? 1 : 0;
}

main().catch((error) => {
  process.stderr.write(`${error instanceof SetupError ? `Cannot verify: ${error.message}` : error.stack}\n`);
  process.exitCode = 1;
});
