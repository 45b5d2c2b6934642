/** The server goes down and comes back while a backup reads or a restore writes, or another becomes primary: never a mix that looks whole. */
import type { Db } from "mongodb";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";

import { mongodbBackup } from "@/app/(console)/manage-dbs/mongodb/mongodb.backup";
import { artefactAt, emptyManifest, sinkAt, testJob } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-backups";
import { insertDocuments } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-documents";
import { type CuttingProxy, cuttingProxy } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-proxy";
import type { OwnServer } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-server";
import { asides, catalogue, rows } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-swaps";
import { startOwnSuite } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-suite";
import type { Artefact } from "@/backups/engine";
import { testConnection } from "@/test/connections";

const { directory, server, withDatabase } = await startOwnSuite();
const name = "faults";
let proxy: CuttingProxy;
let artefact: Artefact;
let live: Record<string, unknown>;

describe.skipIf(server === null)("a server of its own", () => {
  const own = server as OwnServer;
  const connection = testConnection("mongodb", own?.url ?? "mongodb://none/", { database: name, name });

  beforeAll(async () => {
    await own.start();
    await onServer(async (db) => {
      // More than one reply holds.
      await insertDocuments(db.collection("a"), rows(10_500, "a"));
      for (const other of ["b", "c"]) await insertDocuments(db.collection(other), rows(20, other));
      live = await catalogue(db);
      await db.admin().command({ fsync: 1 });
    });
    const path = directory.path("before.archive.gz");
    artefact = await artefactAt(path, await mongodbBackup.write(connection, sinkAt(path), testJob()));
  });

  beforeEach(async () => {
    proxy = await cuttingProxy(own.url);
    return () => proxy.close();
  });

  const through = () => testConnection("mongodb", proxy.url, { database: name, name: `through ${proxy.url}` });

  const onServer = <T>(work: (db: Db) => Promise<T>, of = name): Promise<T> => withDatabase(work, { name: of });

  async function restart(): Promise<void> {
    await own.kill();
    await own.start();
  }

  /** Once, before the first command that fits goes on. */
  function at(fits: (command: string, message: Buffer) => boolean, run: () => Promise<unknown>): { isDone: boolean } {
    const state = { isDone: false };
    proxy.alter = async (command, message) => {
      if (state.isDone || !fits(command, message)) return;
      state.isDone = true;
      await run();
    };
    return state;
  }
  const reads = (collection: string) => (command: string, message: Buffer) =>
    command === "find" && message.includes(`find\0\x02\0\0\0${collection}\0`, 0, "latin1");

  it("is restarted between two collections of a backup", async () => {
    const path = directory.path("between");
    const restarted = at(reads("b"), restart);
    await expect(mongodbBackup.write(through(), sinkAt(path), testJob())).rejects.toMatchObject({
      code: "CONFLICT",
      message: expect.stringContaining("restarted") as string,
    });
    expect(restarted.isDone).toBe(true);
  });

  it("is restarted in the middle of a collection of a backup", async () => {
    const path = directory.path("within");
    const restarted = at((command) => command === "getMore", restart);
    await expect(mongodbBackup.write(through(), sinkAt(path), testJob())).rejects.toMatchObject({
      code: expect.stringMatching(/^(UNREACHABLE|CONFLICT)$/) as string,
    });
    expect(restarted.isDone).toBe(true);
    await expect(mongodbBackup.verify(await artefactAt(path, emptyManifest), testJob())).rejects.toMatchObject({ code: "INVALID" });
  });

  it("steps down and up again in the middle of a backup: what is written is whole", async () => {
    const path = directory.path("stepped");
    const stepped = at(
      (command) => command === "getMore",
      () => onServer((db) => db.admin().command({ replSetStepDown: 1, secondaryCatchUpPeriodSecs: 0, force: true })),
    );
    const manifest = await mongodbBackup.write(through(), sinkAt(path), testJob());
    expect(stepped.isDone).toBe(true);
    expect(manifest.objects).toEqual(artefact.manifest.objects);
    const isPrimary = async () => (await onServer((db) => db.admin().command({ hello: 1 })))["isWritablePrimary"] as boolean;
    await expect.poll(isPrimary, { timeout: 10_000 }).toBe(true);
  });

  it.each([
    ["before its second collection is filled", (command: string, message: Buffer) => command === "insert" && message.includes("__b\0", 0, "latin1")],
    ["before its copy is read back", (command: string, message: Buffer) => command === "find" && message.includes("__a\0", 0, "latin1")],
  ])("is restarted while a restore stages, %s", async (label, fits) => {
    const target = `staged_${label.length}`;
    const restarted = at(fits, restart);
    const staging = mongodbBackup.stage(artefact, through(), { name: target }, testJob());
    await expect(staging).rejects.toMatchObject({ code: expect.stringMatching(/^(UNREACHABLE|CONFLICT)$/) as string });
    expect(restarted.isDone).toBe(true);
    expect(await onServer((db) => db.listCollections({}, { nameOnly: true }).toArray(), target)).toEqual([]);
  });

  it.each(["kept", "swapped"] as const)("is restarted when a copy stands aside, before it is %s", async (what) => {
    const target = what === "kept" ? { name: "never_kept" } : { name, replace: true };
    const staged = await mongodbBackup.stage(artefact, connection, target, testJob());
    await restart();
    const journal = { isWritten: false };
    const ending = what === "kept" ? staged.keep() : staged.swap?.(async () => void (journal.isWritten = true));
    await expect(ending).rejects.toMatchObject({ code: "CONFLICT", message: expect.stringContaining("restarted") as string });
    expect(journal.isWritten).toBe(false);
    if (what === "swapped") await staged.discard();
    expect(await onServer((db) => db.listCollections({}, { nameOnly: true }).toArray(), "never_kept")).toEqual([]);
    expect(await onServer(catalogue)).toEqual(live);
    expect(await onServer(asides)).toEqual([]);
  });
});
