/** Users who may do less than a backup or a restore needs: said which right is missing, nothing written, nothing left. */
import type { Db } from "mongodb";
import { beforeAll, describe, expect, it } from "vitest";

import { mongodbBackup } from "@/app/(console)/manage-dbs/mongodb/mongodb.backup";
import { artefactAt, emptyManifest, sinkAt, testJob } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-backups";
import { insertDocuments } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-documents";
import { cuttingProxy } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-proxy";
import type { OwnServer } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-server";
import { asides, catalogue, rows, testJournal } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-swaps";
import { startOwnSuite } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-suite";
import type { Artefact } from "@/backups/engine";
import { testConnection } from "@/test/connections";

const { directory, server, withDatabase } = await startOwnSuite();
const name = "guarded";
const password = "tern-on-the-harbour";
let artefact: Artefact;
let live: Record<string, unknown>;

const USERS = {
  administrator: [{ role: "root", db: "admin" }],
  writer: [{ role: "readWrite", db: name }],
  reader: [{ role: "read", db: name }],
  fading: [{ role: "fading", db: "admin" }],
  stranger: [{ role: "readWrite", db: "another" }],
  lister: [{ role: "lister", db: "admin" }],
} as const;
type User = keyof typeof USERS;

describe.skipIf(server === null)("on a server that keeps roles,", () => {
  const own = server as OwnServer;
  const urlOf = (user: User, of = own.url) => of.replace("//", `//${user}:${password}@`);
  const as = (user: User, of?: string) => testConnection("mongodb", urlOf(user, of), { database: name, name: `${user} ${of ?? ""}` });

  const administer = <T>(work: (db: Db) => Promise<T>, url = urlOf("administrator")): Promise<T> => withDatabase(work, { name, url });

  beforeAll(async () => {
    await own.start();
    await administer(async (db) => {
      for (const collection of ["a", "b"]) await insertDocuments(db.collection(collection), rows(30, collection));
      const admin = db.client.db("admin");
      const listing = ["listCollections", "listIndexes", "collStats"];
      const privileges = (actions: string[]) => [{ resource: { db: name, collection: "" }, actions }];
      await admin.command({ createRole: "lister", privileges: privileges(listing), roles: [] });
      await admin.command({ createRole: "fading", privileges: privileges([...listing, "find"]), roles: [] });
      for (const [user, roles] of Object.entries(USERS)) await admin.command({ createUser: user, pwd: password, roles });
      live = await catalogue(db);
      await admin.command({ fsync: 1 });
    }, own.url);
    await own.kill();
    await own.start(["--auth"]);
    const path = directory.path("guarded.archive.gz");
    artefact = await artefactAt(path, await mongodbBackup.write(as("reader"), sinkAt(path), testJob()));
  });

  async function expectNothingChanged(): Promise<void> {
    expect(await administer(catalogue)).toEqual(live);
    expect(await administer(asides)).toEqual([]);
  }

  it("reading the database is enough for a backup, and writing it for a restore in place", async () => {
    expect(artefact.manifest.objects.map((object) => [object.name, object.count])).toEqual([
      ["a", 30],
      ["b", 30],
    ]);
    const job = testJob();
    const journal = testJournal(job.jobId, name);
    const plan = await mongodbBackup.plan(artefact, as("writer"), { name, replace: true }, {});
    expect(plan.checks.filter((check) => check.result === "fail")).toEqual([]);
    const staged = await mongodbBackup.stage(artefact, as("writer"), { name, replace: true }, job);
    await staged.swap?.((record) => journal.write(record));
    await mongodbBackup.dropKept?.(as("writer"), journal.swap, job);
    await expectNothingChanged();
  });

  it.each(["stranger", "lister"] as const)("a backup by a %s is refused, and is no archive", async (user) => {
    const path = directory.path(user);
    await expect(mongodbBackup.write(as(user), sinkAt(path), testJob())).rejects.toMatchObject({
      code: "FORBIDDEN",
      detail: expect.stringMatching(/not authorized/) as string,
    });
    await expect(artefactAt(path, emptyManifest).then((file) => mongodbBackup.verify(file, testJob()))).rejects.toBeInstanceOf(Error);
  });

  it("a right that is taken away in the middle of a backup fails it", async () => {
    const proxy = await cuttingProxy(own.url);
    try {
      let isTaken = false;
      proxy.alter = async (command, message) => {
        if (command !== "find" || isTaken || !message.includes("find\0\x02\0\0\0b\0", 0, "latin1")) return;
        isTaken = true;
        await administer((db) => db.client.db("admin").command({ dropRole: "fading" }));
      };
      const path = directory.path("fading");
      await expect(mongodbBackup.write(as("fading", proxy.url), sinkAt(path), testJob())).rejects.toMatchObject({
        code: "FORBIDDEN",
      });
      expect(isTaken).toBe(true);
      await expect(mongodbBackup.verify(await artefactAt(path, emptyManifest), testJob())).rejects.toMatchObject({ code: "INVALID" });
    } finally {
      proxy.close();
    }
  });

  it("a restore in place by somebody who may only read fails its plan, and changes nothing when it is tried", async () => {
    const plan = await mongodbBackup.plan(artefact, as("reader"), { name, replace: true }, {});
    expect(plan.checks.find((check) => check.title === "Rights")).toMatchObject({ result: "fail", detail: expect.stringContaining("readWrite") as string });
    await expect(mongodbBackup.stage(artefact, as("reader"), { name, replace: true }, testJob())).rejects.toMatchObject({ code: "FORBIDDEN" });
    await expectNothingChanged();
  });

  it("a restore into a new database by somebody who has rights on another only fails its plan, and makes nothing", async () => {
    const plan = await mongodbBackup.plan(artefact, as("writer"), { name: "elsewhere" }, {});
    expect(plan.checks.find((check) => check.title === "Rights")).toMatchObject({ result: "fail" });
    await expect(mongodbBackup.stage(artefact, as("writer"), { name: "elsewhere" }, testJob())).rejects.toMatchObject({ code: "FORBIDDEN" });
    expect(await administer((db) => db.client.db("elsewhere").listCollections().toArray())).toEqual([]);
  });
});
