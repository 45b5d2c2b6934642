/** Every kind of index and the awkward names, each where the server takes it: it is asked, and what it refuses is said and skipped. */
import { createWriteStream, statSync } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

import { BSON, type Document } from "mongodb";
import { describe, expect, it } from "vitest";

import { writeArchive } from "@/app/(console)/manage-dbs/mongodb/archive/archive-writer";
import { mongodbBackup } from "@/app/(console)/manage-dbs/mongodb/mongodb.backup";
import { artefactAt, sinkAt, testJob } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-backups";
import { insertDocuments } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-documents";
import { catalogue, rows } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-swaps";
import { refusal, startSuite, throughBackup } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-suite";
import { testConnection } from "@/test/connections";
import { testServers, uniqueName } from "@/test/servers";

const suite = await startSuite();
const { client, directory, database } = suite;

describe("an index comes back as it was:", () => {
  it.for<[string, Document]>([
    ["keys in an order that numbers would change", { key: new Map(Object.entries({ a: 1 }).concat([["2", -1]])) }],
    ["unique", { key: { a: 1 }, unique: true }],
    ["sparse", { key: { a: 1 }, sparse: true }],
    ["partial", { key: { a: 1 }, partialFilterExpression: { a: { $gt: 5 } } }],
    ["partial without a condition", { key: { a: 1 }, partialFilterExpression: {} }],
    ["expiring", { key: { at: 1 }, expireAfterSeconds: 3_600 }],
    ["with a collation", { key: { text: 1 }, collation: { locale: "en", strength: 2 } }],
    ["hidden", { key: { a: 1 }, hidden: true }],
    ["hashed", { key: { a: "hashed" } }],
    ["text", { key: { text: "text" }, weights: { text: 3 }, default_language: "german" }],
    ["2dsphere", { key: { place: "2dsphere" } }],
    ["2d", { key: { flat: "2d" } }],
    ["wildcard", { key: { "$**": 1 } }],
    ["wildcard over some fields", { key: { "$**": 1 }, wildcardProjection: { a: 1 } }],
  ])("%s", async ([, index], { skip }) => {
    const source = database("indexes");
    await source.db
      .collection<{ _id: number }>("rows")
      .insertMany(
        [1, 2, 3].map((n) => ({ _id: n, a: n, "2": -n, at: new Date(0), text: `Wort ${n}`, place: { type: "Point", coordinates: [n, n] }, flat: [n, n] })),
      );
    const refused = await refusal(source.db.command({ createIndexes: "rows", indexes: [{ name: "tested", ...index }] }));
    skip(refused !== null, `this server refuses the index: ${refused}`);
    const listed = JSON.stringify((await source.db.collection("rows").indexes()).find((entry) => entry.name === "tested"));
    const dropped = Object.keys(index).filter((field) => field !== "key" && !listed.includes(`"${field}"`));
    skip(dropped.length > 0, `this server does not keep of the index: ${dropped.join(", ")}`);
    const before = await catalogue(source.db);
    const { target, staged } = await throughBackup(suite, source);
    expect(staged.skipped).toEqual([]);
    expect(await catalogue(target.db)).toEqual(before);
  });
});

describe("a collection's name is in the backup, and comes back:", () => {
  it.for([
    "with $dollar",
    "a/b",
    "a\\b",
    "emoji 🦊",
    'quo"te',
    "a'b; DROP",
    "-rf",
    "..",
    "admin",
    "template1",
    "%2e%2e%2f",
    "new\nline",
    " leading and trailing ",
    "$leading",
    "tab\there",
    "x".repeat(200),
    // With the database's name the 255 bytes a server takes.
    "y".repeat(238),
    "ä".repeat(100),
    "system.js",
  ])("%s", async (name, { skip }) => {
    const source = database("names");
    await insertDocuments(source.db.collection("rows"), rows(2, "beside it"));
    const refused = await refusal(insertDocuments(source.db.collection(name), rows(3, "named")));
    skip(refused !== null, `this server refuses the name: ${refused}`);
    const { manifest, target } = await throughBackup(suite, source);
    expect([...manifest.objects, ...manifest.skipped].map((entry) => entry.name)).toContain(name);
    expect(manifest.skipped).toEqual([]);
    expect(await target.db.collection(name).countDocuments({})).toBe(3);
    expect(await catalogue(target.db)).toEqual(await catalogue(source.db));
  });
});

describe("a database's name as the target", () => {
  it("is refused where no server or no shell should have it, and taken where it is only odd", async () => {
    const source = database("targets");
    await insertDocuments(source.db.collection("rows"), rows(2, "rows"));
    const path = directory.path("targets.archive.gz");
    const artefact = await artefactAt(path, await mongodbBackup.write(source.connection, sinkAt(path), testJob()));
    const isRefused = async (name: string) => {
      const plan = await mongodbBackup.plan(artefact, source.connection, { name }, {});
      return plan.checks.some((check) => check.result === "fail");
    };
    for (const name of ["admin", "config", "local", 'a"b', "a'b; DROP", "$x", "with space", "a/b", "../up", "a.b", "x\0y", "x".repeat(64)])
      expect(await isRefused(name), name).toBe(true);
    for (const name of ["-rf", "template1", uniqueName("x".repeat(50)), "ümlaut"]) expect(await isRefused(name), name).toBe(false);
  });
});

describe("a database and a connection with a strange name are backed up, and restored under another strange one:", () => {
  it.for(["-rf", "a'b;DROP--", "emoji🦊", "ümlaut", "%2e%2e", "template1"])("%s", async (label, { skip }) => {
    const odd = database(label);
    const refused = await refusal(insertDocuments(odd.db.collection("rows"), rows(3, label)));
    skip(refused !== null, `this server refuses the name: ${refused}`);
    const source = { ...odd, connection: testConnection("mongodb", testServers.mongodb, { database: odd.name, name: `${label}"\r\n$(reboot)` }) };
    const path = directory.path("strange");
    const manifest = await mongodbBackup.write(source.connection, sinkAt(path), testJob());
    expect(manifest).toMatchObject({ source: odd.name, objects: [{ name: "rows", count: 3 }] });
    const target = database(label);
    const staged = await mongodbBackup.stage(await artefactAt(path, manifest), source.connection, { name: target.name }, testJob());
    expect(await staged.keep()).toMatchObject({ connection: { database: target.name } });
    expect(await catalogue(target.db)).toEqual(await catalogue(odd.db));
  });
});

it("users and roles in an archive are named as left out, and never restored", async () => {
  const path = directory.path("users.archive");
  const users = [Buffer.from(BSON.serialize({ _id: "shop.mallory", user: "mallory", db: "shop", roles: [{ role: "root", db: "admin" }] }))];
  const namespaces: [string, string, Buffer[]][] = [
    ["shop", "rows", rows(3, "rows")],
    ["shop", "$admin.system.users", users],
    ["admin", "system.users", users],
    ["admin", "system.version", rows(1, "version")],
    ["config", "settings", rows(1, "settings")],
  ];
  const archive = writeArchive({
    serverVersion: "8.0.0",
    toolVersion: "100.12.0",
    collections: namespaces.map(([of, collection]) => ({ database: of, collection, metadata: "{}", type: "collection" })),
    sources: namespaces.map(([of, collection, documents]) => ({
      database: of,
      collection,
      async *batches() {
        yield documents;
      },
    })),
    report: () => undefined,
  });
  await pipeline(Readable.from(archive), createWriteStream(path));
  const manifest = await mongodbBackup.describe?.({ path, bytes: statSync(path).size }, testJob());
  if (!manifest) throw new Error("it cannot be described");
  expect(manifest.objects.map((object) => object.name)).toEqual(["rows"]);
  expect(manifest.skipped.map((entry) => entry.name).sort()).toEqual(["$admin.system.users", "admin.system.users", "admin.system.version", "config.settings"]);
  const before = await ownDatabases();
  const target = database("users");
  const staged = await mongodbBackup.stage(await artefactAt(path, manifest), target.connection, { name: target.name }, testJob());
  await staged.keep();
  expect(Object.keys(await catalogue(target.db))).toEqual(["rows"]);
  expect(await ownDatabases()).toEqual(before);
  const known = await client.db("admin").command({ usersInfo: { forAllDBs: true } });
  expect(JSON.stringify(known["users"] ?? [])).not.toContain("mallory");
});

/** Collections of the databases that are the server's own. */
async function ownDatabases(): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {};
  for (const name of ["admin", "config", "local"]) {
    const entries = await client.db(name).listCollections({}, { nameOnly: true }).toArray();
    found[name] = entries.map((entry) => entry.name).filter((entry) => !/sessions|oplog/.test(entry));
  }
  return found;
}

it("a restore under another name touches neither its source nor the server's own databases", async () => {
  const source = database("untouched");
  await insertDocuments(source.db.collection("rows"), rows(20, "rows"));
  await source.db.createCollection("view", { viewOn: "rows", pipeline: [{ $match: { n: 1 } }] });
  await source.db.createCollection("series", { timeseries: { timeField: "at", metaField: "sensor" } });
  await source.db.collection("series").insertOne({ at: new Date(0), sensor: 1 });
  const [before, ownBefore] = [await catalogue(source.db), await ownDatabases()];
  const { target } = await throughBackup(suite, source);
  expect(await catalogue(source.db)).toEqual(before);
  expect(Object.keys(await catalogue(target.db))).toEqual(Object.keys(before));
  expect(await ownDatabases()).toEqual(ownBefore);
});
