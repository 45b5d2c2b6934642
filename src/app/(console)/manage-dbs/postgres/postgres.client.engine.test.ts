import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { browse, close, withOwnSession } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import { getInfo, getOverview, sample } from "@/app/(console)/manage-dbs/postgres/postgres.info.service";
import { makeServer, type OwnServer } from "@/app/(console)/manage-dbs/postgres/postgres.test-server";
import { readTarget, tlsWays } from "@/app/(console)/manage-dbs/postgres/postgres.target";
import { asSuperuser, makeDatabase, type TestDatabase } from "@/app/(console)/manage-dbs/postgres/postgres.test-database";
import { postgresTables } from "@/app/(console)/manage-dbs/postgres/tables/tables.service";
import { testConnection } from "@/test/connections";
import { testServers, uniqueName } from "@/test/servers";

let database: TestDatabase;

beforeAll(async () => {
  database = await makeDatabase("pg_client");
  await database.run(
    "CREATE TABLE wide AS SELECT i AS id, repeat(md5(i::text), 30) AS body FROM generate_series(1, 60000) i; ALTER TABLE wide ADD PRIMARY KEY (id); ANALYZE wide",
  );
});
afterAll(async () => {
  await close();
  await database.drop();
});

const sessionsOf = async (name: string): Promise<number> =>
  Number((await asSuperuser(`SELECT count(*) FROM pg_stat_activity WHERE datname = '${name}' AND application_name = 'foundry-console'`))[0]?.[0]);

describe("browse", () => {
  it("only reads, whatever the role may do", async () => {
    await expect(browse(database.connection, {}, (session) => session.run("CREATE TABLE no (a int)"))).rejects.toMatchObject({ code: "READ_ONLY" });
    await expect(browse(database.connection, {}, (session) => session.run("DELETE FROM public.wide"))).rejects.toMatchObject({ code: "READ_ONLY" });
  });

  it("cancels on the server within two seconds and keeps nothing running", async () => {
    const controller = new AbortController();
    const running = browse(database.connection, { signal: controller.signal }, (session) => session.rows("SELECT pg_catalog.pg_sleep(25)"));
    running.catch(() => undefined);
    await sleep(300);
    const started = Date.now();
    controller.abort();
    await expect(running).rejects.toMatchObject({ code: "CANCELLED" });
    expect(Date.now() - started).toBeLessThan(2_000);
    expect(
      (await asSuperuser("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(25)%' AND state = 'active' AND pid <> pg_backend_pid()"))[0],
    ).toEqual(["0"]);
  });

  it("shares a few sessions among many callers, and recovers when they are ended", async () => {
    await Promise.all(Array.from({ length: 40 }, () => browse(database.connection, {}, (session) => session.rows("SELECT 1"))));
    expect(await sessionsOf(database.name)).toBeLessThanOrEqual(5);
    await asSuperuser(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${database.name}' AND application_name = 'foundry-console'`);
    expect(await browse(database.connection, {}, (session) => session.rows("SELECT 7"))).toEqual([["7"]]);
  });

  it("leaves no transaction open behind a failure", async () => {
    await expect(
      browse(database.connection, {}, async (session) => {
        await session.run("BEGIN");
        await session.rows("SELECT 1 / 0");
      }),
    ).rejects.toMatchObject({ code: "INVALID" });
    expect(
      await browse(database.connection, {}, (session) => session.rows("SELECT pg_catalog.now() OPERATOR(pg_catalog.=) pg_catalog.statement_timestamp()")),
    ).toEqual([["t"]]);
  });
});

describe("a server of its own", () => {
  let server: OwnServer;
  beforeAll(async () => {
    server = await makeServer();
  });
  afterAll(async () => {
    await close();
    await server.remove();
  });

  it("says what is wrong while it is down, and is there again by itself", async () => {
    const connection = testConnection("postgres", `postgres://postgres@127.0.0.1:${server.port}/postgres`, { name: uniqueName("own") });
    expect(await getInfo(connection, {})).toMatchObject({ state: "connected", product: "PostgreSQL" });
    await server.stop("SIGQUIT");
    expect(await getInfo(connection, {})).toMatchObject({ state: "not-connected", code: "UNREACHABLE", fix: expect.stringContaining("Check") });
    await server.start();
    expect(await getInfo(connection, {})).toMatchObject({ state: "connected" });
  });

  it("that dies during an export makes the export fail, never end", async () => {
    const connection = testConnection("postgres", `postgres://postgres@127.0.0.1:${server.port}/postgres`, { name: uniqueName("own") });
    await withOwnSession(connection, {}, (session) =>
      session.run("CREATE TABLE public.t AS SELECT i, pg_catalog.repeat('x', 500) AS b FROM pg_catalog.generate_series(1, 400000) i"),
    );
    for (const format of ["csv", "jsonl", "sql"] as const) {
      let bytes = 0;
      const reading = (async () => {
        for await (const chunk of postgresTables.export(connection, { name: "t", format, filters: [] }, {})) {
          if (bytes === 0) {
            await server.stop("SIGKILL");
          }
          bytes += chunk.length;
        }
      })();
      await expect(reading, format).rejects.toMatchObject({ code: "UNREACHABLE" });
      expect(bytes).toBeGreaterThan(0);
      await sleep(300);
      await server.start();
    }
  });
});

describe("export", () => {
  it("stops the server's work when the reader leaves or cancels", async () => {
    for await (const chunk of postgresTables.export(database.connection, { name: "wide", format: "csv", filters: [] }, {})) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    const controller = new AbortController();
    const reading = (async () => {
      for await (const chunk of postgresTables.export(database.connection, { name: "wide", format: "jsonl", filters: [] }, { signal: controller.signal })) {
        expect(chunk.length).toBeGreaterThan(0);
        controller.abort();
      }
    })();
    await expect(reading).rejects.toMatchObject({ code: "CANCELLED" });
    for (let tries = 0; tries < 40; tries += 1) {
      const running = await asSuperuser(`SELECT count(*) FROM pg_stat_activity WHERE datname = '${database.name}' AND query LIKE 'COPY%' AND state = 'active'`);
      if (running[0]?.[0] === "0") return;
      await sleep(50);
    }
    throw new Error("the COPY still runs");
  });

  it("waits for a slow reader in bounded memory", async () => {
    const before = process.memoryUsage().rss;
    let bytes = 0;
    let chunks = 0;
    for await (const chunk of postgresTables.export(database.connection, { name: "wide", format: "csv", filters: [] }, {})) {
      bytes += chunk.length;
      chunks += 1;
      if (chunks % 100 === 0) await sleep(5);
    }
    expect(bytes).toBeGreaterThan(57_000_000);
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024);
  });
});

describe("what is sent", () => {
  it("pages by key without OFFSET or count, and lists without touching a table", async () => {
    const logged = makeLog();
    await database.run(`ALTER DATABASE "${database.name}" SET log_min_duration_statement = -1`);
    await close(database.connection.id);
    const sent = await logged(async () => {
      const first = await postgresTables.rows(database.connection, { name: "wide", limit: 100 }, {});
      await postgresTables.rows(database.connection, { name: "wide", limit: 100, after: first.nextCursor ?? "" }, {});
      await postgresTables.rows(database.connection, { name: "wide", limit: 100, sort: '[{"column":"body","direction":"desc"}]' }, {});
      await postgresTables.list(database.connection, {});
      await postgresTables.schema(database.connection, { name: "wide" }, {});
    });
    const ofTables = sent.filter((text) => text.includes('"wide"'));
    expect(ofTables.length).toBe(3);
    for (const text of ofTables) {
      expect(text).not.toMatch(/\boffset\b|\bcount\(/i);
      expect(text).toMatch(/LIMIT 101$/);
    }
    expect(sent.length).toBeGreaterThan(10);
  });
});

/** Every statement this process sends, caught in the driver on its way to the real server. */
function makeLog(): (work: () => Promise<void>) => Promise<string[]> {
  return async (work) => {
    const { Client } = await import("pg");
    const sent: string[] = [];
    const original = Reflect.get(Client.prototype, "query") as (...values: unknown[]) => unknown;
    const caught = function (this: unknown, ...values: unknown[]): unknown {
      const [query] = values;
      sent.push(typeof query === "string" ? query : ((query as { text?: string } | undefined)?.text ?? ""));
      return Reflect.apply(original, this, values);
    };
    Reflect.set(Client.prototype, "query", caught);
    try {
      await work();
    } finally {
      Reflect.set(Client.prototype, "query", original);
    }
    return sent;
  };
}

describe("overview", () => {
  it("has the server card, four tiles, the largest tables and the superuser warning", async () => {
    const overview = await getOverview(database.connection, { tools: { toolsDir: testServers.postgresBinDir, packageDirs: [] } });
    expect(overview.facts.map((fact) => fact.label)).toEqual([
      "Version",
      "Address",
      "Database",
      "Uptime",
      "Size",
      "Objects",
      "Memory",
      "Role",
      "Encryption",
      "Backup tool",
    ]);
    expect(overview.facts.at(-1)?.badge).toEqual({ text: "fits", tone: "ok" });
    expect(overview.tiles.map((tile) => tile.id)).toEqual(["transactions", "connections", "cache-hits", "disk-writes"]);
    expect(overview.largest[0]).toMatchObject({ group: "public", name: "wide", count: 60000 });
    expect(overview.warnings.some((warning) => warning.title.includes("superuser"))).toBe(true);
    const missing = await getOverview(database.connection, { tools: { packageDirs: [] } });
    expect(missing.warnings.some((warning) => warning.fix.includes("postgresql-client-15"))).toBe(true);
  });

  it("knows a role that only reads", async () => {
    const role = uniqueName("reader");
    await asSuperuser(`CREATE ROLE ${role} LOGIN PASSWORD 'reads only' IN ROLE pg_read_all_data`);
    const url = new URL(database.url);
    url.username = role;
    url.password = "reads only";
    const connection = testConnection("postgres", url.toString(), { name: role });
    try {
      const overview = await getOverview(connection, { tools: {} });
      expect(overview.facts.find((fact) => fact.label === "Role")?.badge).toEqual({ text: "read only", tone: "plain" });
      expect((await postgresTables.list(connection, {})).tables.length).toBe(1);
    } finally {
      await close(connection.id);
      await asSuperuser(`DROP ROLE ${role}`);
    }
  });

  it("samples rates from the second look on", async () => {
    const first = await sample(database.connection);
    expect(first["connections"]).toBeGreaterThan(0);
    await sleep(1_100);
    expect(Object.keys(await sample(database.connection)).toSorted()).toEqual(["cache-hits", "connections", "disk-writes", "transactions"]);
  });
});

describe("target", () => {
  const target = (url: string, tlsCa: string | null = null) =>
    readTarget({ ...testConnection("postgres", "postgres://x/y"), url: testConnection("postgres", url).url, tlsCa });

  it("reads every part, and refuses what would read the console's files", () => {
    expect(target("postgresql://us%40er:p%3Aw%2F@[::1]:6543/d%20b%2Fx?sslmode=require")).toEqual({
      host: "::1",
      port: 6543,
      user: "us@er",
      password: "p:w/",
      database: "d b/x",
      tls: "require",
      tlsCa: null,
    });
    expect(target("postgres://h/d").tls).toBe("prefer");
    expect(target("postgres://h/d", "PEM").tls).toBe("verify-full");
    expect(tlsWays(target("postgres://h/d", "PEM"))).toEqual([{ ca: "PEM" }]);
    for (const url of ["postgres://h/d?sslkey=/etc/passwd", "postgres://h/d?sslmode=maybe", "mysql://h/d", "postgres://h/%zz", "postgres://u:se%ret@h/d"]) {
      expect(() => target(url)).toThrow(/cannot be used/);
    }
  });
});
