/** A database is known by where it is, not by what its connection is called. */
import { linkSync, mkdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { seed as seedSqlite } from "@/setup/seed/seed-sqlite.mjs";
import { codeOf } from "@/test/outcomes";
import { sqliteConsole } from "@/test/sqlite-console";

const shop = await sqliteConsole();
const { comparePlaces, placeOf, placeText } = await import("@/backups/place");
const { applyRetention, newestGood, removeBackup } = await import("@/backups/retention.service");
const { createBackup } = await import("@/backups/backups.service");
const { addConnection, draftConnection, editConnection, removeConnection } = await import("@/server/connection-changes");
const { buildConnection, getConnection } = await import("@/server/connections");
const { controlPlane } = await import("@/server/control-plane/database");
const { writeSetting } = await import("@/server/control-plane/settings.repo");
const { addPerson, principalOf } = await import("@/test/people");
const { readTarget } = await import("@/app/(console)/manage-dbs/postgres/postgres.target");
const { databaseOf } = await import("@/app/(console)/manage-dbs/mongodb/mongodb.client");
const { createCaller } = await import("@/trpc/root");

afterAll(() => shop.remove());

const asked = await addPerson("admin");
const seconder = await addPerson("admin");
const caller = createCaller({ principal: principalOf(asked), requestId: "test", address: "::1" });
const sqliteAt = (name: string, url: string) => ({ engine: "sqlite" as const, name, environment: "staging" as const, url, database: null, tlsCa: null });
const opened = (engine: "postgres" | "redis" | "mongodb", url: string, database: string | null = null) =>
  buildConnection({ engine, name: "x", environment: "staging", source: "console", url, database, tlsCa: null, address: "shown" });
const at = (...parts: Parameters<typeof opened>) => placeOf(opened(...parts));

/** Too long to be asked for: the look-up fails, and not because there is no such host. */
const UNTOLD = "x".repeat(300);

describe("one place", () => {
  const same = (engine: "postgres" | "redis" | "mongodb", one: string, other: string) => comparePlaces(at(engine, one), at(engine, other));

  test("is a server by any of its names, its usual port said or not", async () => {
    expect(await same("postgres", "postgres://a:b@localhost/shop", "postgresql://c@127.0.0.1:5432/shop")).toBe("same");
    expect(await same("postgres", "postgres://a@[::1]:5432/shop", "postgres://a@LOCALHOST/shop?sslmode=disable")).toBe("same");
    expect(await same("postgres", "postgres://a@127.0.0.1:1/shop?port=5433", "postgres://a@localhost:5433/shop")).toBe("same");
    expect(await same("postgres", "postgres://a@nowhere.invalid/shop?host=/run/postgresql", "postgres://a@localhost/shop")).toBe("same");
    expect(await same("redis", "redis://cache.example.invalid:6379", "rediss://:secret@CACHE.example.invalid/00")).toBe("same");
    expect(await same("mongodb", "mongodb://a.invalid:1,b.invalid/shop", "mongodb://u:p@b.invalid:27017/shop")).toBe("same");
    expect(await same("redis", `redis://${hostname()}:7000/2`, "redis://127.0.0.1:7000/2")).toBe("same");
  });

  test("is not another port, database or machine, nor a name that is nothing", async () => {
    expect(await same("postgres", "postgres://a@localhost/shop", "postgres://a@localhost:5433/shop")).toBe("other");
    expect(await same("postgres", "postgres://a@localhost/shop", "postgres://a@localhost/shop2")).toBe("other");
    expect(await same("redis", "redis://localhost/0", "redis://localhost/1")).toBe("other");
    expect(await same("redis", "redis://192.0.2.1", "redis://192.0.2.2")).toBe("other");
  });

  test("is not known while a name cannot be looked up, nor where neither name is anything", async () => {
    expect(await same("postgres", `postgres://a@${UNTOLD}/shop`, "postgres://a@192.0.2.1/shop")).toBe("unknown");
    expect(await same("postgres", "postgres://a@one.invalid/shop", "postgres://a@two.invalid/shop")).toBe("unknown");
    expect(await same("postgres", "postgres://a@one.invalid/shop", "postgres://a@192.0.2.1/shop")).toBe("other");
    expect(await same("mongodb", `mongodb://${UNTOLD},192.0.2.1/shop`, "mongodb://192.0.2.1/shop")).toBe("same");
  });

  test("of PostgreSQL is what its URL names, also when a database was given beside it", () => {
    expect(at("postgres", "postgres://a@localhost/shop", "other")).toEqual(at("postgres", "postgres://a@localhost/shop"));
  });

  test.each(["/x/../shop", "/./shop", "/%2e/shop", "/x/%2E%2e/shop", "/sh\top", "/sh\nop", "/shop "])("is not hidden by the path %j", (path) => {
    const url = `//a@db1${path}`;
    expect(at("postgres", `postgres:${url}`).name).toBe(readTarget(opened("postgres", `postgres:${url}`)).database);
    expect(at("mongodb", `mongodb:${url}`).name).toBe(databaseOf(opened("mongodb", `mongodb:${url}`)));
    expect(at("mongodb", `mongodb://a@db1,db2${path}`).name).toBe("shop");
  });

  test("is shown without its credentials", () => {
    expect(placeText(at("postgres", "postgres://who:secret@db1/shop"))).toBe("db1:5432/shop");
    expect(placeText(at("mongodb", "mongodb://who:secret@b:1,a/shop"))).toBe("a:27017,b:1/shop");
    expect(placeText(placeOf(shop.connection))).toBe(shop.file);
  });

  test("is not moved by the port of a URL's options", () => {
    expect(() => draftConnection({ ...sqliteAt("x", "postgres://a@db1/shop?port=5433"), engine: "postgres" })).toThrow("option");
  });
});

describe("the two-person rule of a file", () => {
  afterEach(async () => {
    await controlPlane().deleteFrom("settings").where("key", "like", "two persons%").execute();
    await controlPlane().deleteFrom("approvals").execute();
    await controlPlane().deleteFrom("connections").execute();
  });
  /** Asks for a restore in the place of what the connection opens. */
  async function replaceThrough(connection: string, name: string) {
    const opened = await getConnection("sqlite", connection);
    const { jobId, backupId } = await createBackup({ connection: opened, engine: shop.engine, user: shop.user });
    await shop.ended(jobId);
    return caller.sqlite.backups.restore({ connection, id: backupId, target: name, replace: true, confirm: name });
  }

  test.each([
    ["a link", symlinkSync],
    ["a hard link", linkSync],
  ])("holds for a restore through %s to it", async (what, link) => {
    const name = `${what.replaceAll(" ", "-")}.sqlite`;
    link(shop.file, join(shop.folder, name));
    await addConnection(sqliteAt("by-the-back", join(shop.folder, name)), "test");
    await caller.sqlite.approvals.require({ required: true });
    expect(await replaceThrough("by-the-back", name)).toMatchObject({ jobId: null, approval: { state: "waiting" } });
  });

  test("holds for who adds the connection again, and follows one that is edited", async () => {
    const [one, two] = [join(shop.folder, "one.sqlite"), join(shop.folder, "two.sqlite")];
    await seedSqlite(one);
    await seedSqlite(two);
    await addConnection(sqliteAt("first", one), "test");
    await caller.sqlite.approvals.require({ connection: "first", required: true });
    await editConnection("sqlite/first", { environment: "staging", database: null, tlsCa: null, url: two });
    await addConnection(sqliteAt("to-two", two), "test");
    expect(await replaceThrough("to-two", "two.sqlite")).toMatchObject({ jobId: null });
    await removeConnection("sqlite/first");
    await addConnection(sqliteAt("again", one), "test");
    expect(await replaceThrough("again", "one.sqlite")).toMatchObject({ jobId: null });
  });

  const redisAt = (name: string, url: string) => ({ ...sqliteAt(name, url), engine: "redis" as const });
  const rules = async () => (await controlPlane().selectFrom("settings").select("key").where("key", "like", "two persons%").orderBy("key").execute()).length;
  const isRequired = async (connection: string) => (await caller.redis.approvals.list({ connection })).required;
  async function endedByTwo(connection: string): Promise<void> {
    const { approval } = await caller.redis.approvals.require({ connection, required: false });
    const second = createCaller({ principal: principalOf(seconder), requestId: "test", address: "::1" });
    await second.redis.approvals.approve({ connection, id: approval?.id ?? "", confirm: approval?.target ?? "" });
  }

  test.each([
    ["cannot be looked up", UNTOLD],
    ["is unknown to the name server", "prod.invalid"],
  ])("holds while a name %s, and is not ended with another connection's", async (_, host) => {
    await addConnection(redisAt("prod", `redis://${host}/0`), "test");
    await addConnection(redisAt("staging", "redis://192.0.2.1/0"), "test");
    await caller.redis.approvals.require({ connection: "prod", required: true });
    expect(await isRequired("staging")).toBe(true);
    await caller.redis.approvals.require({ connection: "staging", required: true });
    await endedByTwo("staging");
    expect([await rules(), await isRequired("prod")]).toEqual([1, true]);
  });

  test.each([
    ["redis", "localhost", "0", "redis://127.0.0.1:6379"],
    ["sqlite", shop.file, "bookshop.sqlite", shop.file],
  ] as const)("that was noted before places were, of %s, holds without its connection", async (engine, address, name, url) => {
    await writeSetting(`two persons|${engine}/gone`, `${engine}|${address}|${name}`);
    await addConnection({ ...sqliteAt("again", url), engine }, "test");
    expect((await caller[engine].approvals.list({ connection: "again" })).required).toBe(true);
  });

  test("that a connection to nowhere left behind is ended by two persons where it holds", async () => {
    await writeSetting("two persons|redis/gone", JSON.stringify({ engine: "redis", at: ["gone.invalid:6379"], name: "0" }));
    await addConnection(redisAt("staging", "redis://192.0.2.1/0"), "test");
    expect(await isRequired("staging")).toBe(true);
    await endedByTwo("staging");
    expect([await rules(), await isRequired("staging")]).toEqual([0, false]);
  });

  test("of another kind of note guards its own connection still", async () => {
    await writeSetting("two persons|sqlite/main", "sqlite|/elsewhere|x");
    expect((await caller.sqlite.approvals.list({})).required).toBe(true);
  });
});

describe("a connection that opens another database under its old name", () => {
  const [before, after] = [join(shop.folder, "before.sqlite"), join(shop.folder, "after.sqlite")];
  const complete = async () => {
    const { jobId, backupId } = await createBackup({ connection: await getConnection("sqlite", "shop"), engine: shop.engine, user: shop.user });
    await shop.ended(jobId);
    return shop.backup(backupId);
  };
  const isElsewhere = async (id: string) => (await caller.sqlite.backups.list({ connection: "shop" })).backups.find((backup) => backup.id === id)?.isElsewhere;

  test("has the old backups, and each says what it is a copy of", async () => {
    await seedSqlite(before);
    await seedSqlite(after);
    await addConnection(sqliteAt("shop", before), "test");
    const old = await complete();
    expect(JSON.parse(old.manifest ?? "")).toMatchObject({ takenFrom: before });
    expect(await caller.sqlite.backups.get({ connection: "shop", id: old.id })).toMatchObject({ takenFrom: before, isElsewhere: false });
    const own = { connection: "shop", id: old.id, target: "before.sqlite", replace: true };
    expect((await caller.sqlite.backups.plan(own)).checks.filter(({ title }) => title.includes("another database"))).toEqual([]);

    await removeConnection("sqlite/shop");
    await addConnection(sqliteAt("shop", after), "test");
    expect(await newestGood("sqlite/shop"), "the other's copy proves nothing of this one").toBeUndefined();
    const mine = await complete();
    expect([await isElsewhere(old.id), await isElsewhere(mine.id)]).toEqual([true, false]);
    expect((await caller.backups.list({})).backups.find(({ id }) => id === old.id)).toMatchObject({ takenFrom: before, isElsewhere: true });
    expect(await caller.sqlite.backups.get({ connection: "shop", id: old.id })).toMatchObject({ takenFrom: before, isElsewhere: true });
    for (const target of [{ target: "after.sqlite", replace: true }, { target: "copy.sqlite" }]) {
      const [first] = (await caller.sqlite.backups.plan({ connection: "shop", id: old.id, ...target })).checks;
      expect(first).toMatchObject({ result: "warn", title: `The backup was taken from another database: ${before}` });
      expect(first?.detail).toContain(after);
    }

    // Who is to agree reads it, too.
    await caller.sqlite.approvals.require({ connection: "shop", required: true });
    const { approval } = await caller.sqlite.backups.restore({
      connection: "shop",
      id: old.id,
      target: "after.sqlite",
      replace: true,
      confirm: "after.sqlite",
    });
    expect(approval).toMatchObject({ state: "waiting", copyOf: before });
    await controlPlane().deleteFrom("settings").where("key", "like", "two persons%").execute();

    // What is said of this database, and what is kept of it, is not said by the other's copies.
    expect(await codeOf(removeBackup(mine.id))).toBe("CONFLICT");
    await controlPlane().updateTable("backups").set({ schedule_id: "s" }).where("connection_id", "=", "sqlite/shop").execute();
    await complete();
    expect(await applyRetention("sqlite/shop", { id: "s", keep_last: 1, keep_days: null }, { log: () => undefined })).toBe(0);
    expect(await codeOf(removeBackup(old.id))).toBe("ok");
  });

  test("says nothing of one that did not note it", async () => {
    const [last] = (await caller.sqlite.backups.list({ connection: "shop" })).backups;
    await controlPlane().updateTable("backups").set({ place: null }).execute();
    expect(await caller.sqlite.backups.get({ connection: "shop", id: last?.id ?? "" })).toMatchObject({ takenFrom: null, isElsewhere: false });
  });
});

describe("backups of a file that is not there now", () => {
  const volume = join(shop.folder, "volume");
  const backups = () => caller.sqlite.backups.list({ connection: "linked" }).then((page) => page.backups);
  const complete = async () => {
    const { jobId, backupId } = await createBackup({ connection: await getConnection("sqlite", "linked"), engine: shop.engine, user: shop.user });
    await shop.ended(jobId);
    return shop.backup(backupId);
  };

  test("are still of the database that its connection opens", async () => {
    mkdirSync(join(volume, "releases/1"), { recursive: true });
    await seedSqlite(join(volume, "releases/1/a.sqlite"));
    symlinkSync("releases/1", join(volume, "current"));
    await addConnection(sqliteAt("linked", join(volume, "current/a.sqlite")), "test");
    const last = await complete();
    const stays = async (place: string | null) => {
      await controlPlane().updateTable("backups").set({ place }).where("id", "=", last.id).execute();
      expect(await backups()).toMatchObject([{ id: last.id, isElsewhere: false }]);
      expect((await newestGood("sqlite/linked"))?.id).toBe(last.id);
      expect(await codeOf(removeBackup(last.id))).toBe("CONFLICT");
    };
    const older = JSON.stringify({ engine: "sqlite", at: [join(volume, "releases/1/a.sqlite")], name: "" });

    renameSync(join(volume, "releases/1/a.sqlite"), join(volume, "aside.sqlite"));
    symlinkSync("current/a.sqlite", join(volume, "link"));
    const dangling = { ...sqliteAt("x", join(volume, "link")), source: "console" as const, address: "" };
    expect(placeOf(buildConnection(dangling)).at).toEqual([join(volume, "releases/1/a.sqlite")]);
    await stays(last.place);
    await stays(older);
    // The volume with the link is gone, too.
    renameSync(volume, `${volume}-elsewhere`);
    await stays(last.place);
    await stays(older);
    renameSync(`${volume}-elsewhere`, volume);
    // What was noted is there under another path, and what the connection opens is not: nothing is deleted on its word.
    await controlPlane()
      .updateTable("backups")
      .set({ place: older.replace("releases/1/a", "aside") })
      .where("id", "=", last.id)
      .execute();
    expect(await codeOf(removeBackup(last.id))).toBe("CONFLICT");
    await controlPlane().updateTable("backups").set({ place: last.place }).where("id", "=", last.id).execute();
    renameSync(join(volume, "aside.sqlite"), join(volume, "releases/1/a.sqlite"));
  });

  test("are kept no longer than others when a link leads to the next release", async () => {
    const first = await complete();
    mkdirSync(join(volume, "releases/2"));
    renameSync(join(volume, "releases/1/a.sqlite"), join(volume, "releases/2/a.sqlite"));
    rmSync(join(volume, "current"));
    symlinkSync("releases/2", join(volume, "current"));
    await complete();
    await controlPlane().updateTable("backups").set({ schedule_id: "s" }).where("id", "=", first.id).execute();
    await controlPlane().updateTable("backups").set({ schedule_id: "s" }).where("connection_id", "=", "sqlite/linked").execute();
    expect(await applyRetention("sqlite/linked", { id: "s", keep_last: 1, keep_days: null }, { log: () => undefined })).toBe(2);
  });

  test("say nothing of where they are from while the file cannot be looked at", async () => {
    const link = join(shop.folder, "loop");
    symlinkSync(link, link);
    const [one, other] = [sqliteAt("one", join(link, "a.sqlite")), sqliteAt("other", shop.file)].map((parts) =>
      placeOf(buildConnection({ ...parts, source: "console", address: parts.url })),
    );
    if (!one || !other) throw new Error("no places");
    expect(await comparePlaces(one, other)).toBe("unknown");
  });
});

describe("backups of a place that cannot be looked at", () => {
  test("are not deleted for those of the one that the connection opens now, nor counted for them", async () => {
    await controlPlane().deleteFrom("backups").execute();
    const [old, mine] = [await shop.complete(), await shop.complete()];
    const untold = JSON.stringify({ engine: "sqlite", at: [join(shop.folder, "loop/a.sqlite")], name: "" });
    await controlPlane().updateTable("backups").set({ schedule_id: "s" }).execute();
    await controlPlane().updateTable("backups").set({ place: untold, started_at: "2026-01-01T03:00:00.000Z" }).where("id", "=", old.id).execute();
    expect(await applyRetention("sqlite/main", { id: "s", keep_last: 1, keep_days: null }, { log: () => undefined })).toBe(0);
    expect(await codeOf(removeBackup(mine.id)), "another's is no other good one").toBe("CONFLICT");
    expect(await codeOf(removeBackup(old.id)), "nobody knows that it is of the past").toBe("CONFLICT");
  });
});
