/** Uploads: who may is settled before a byte is read, what is cut or foreign leaves no file, and what is whole can be restored. */
import { createHash, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer, request as httpRequest, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import Database from "better-sqlite3";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Who } from "@/test/callers";
import { sqliteConsole } from "@/test/sqlite-console";

const shop = await sqliteConsole();
const uploadRoute = await import("@/app/api/files/upload/route");
const { callers } = await import("@/test/callers");
const { controlPlane } = await import("@/server/control-plane/database");
const { putGrant } = await import("@/server/control-plane/grants.repo");
const { updateUser } = await import("@/server/control-plane/users.repo");
const { addPerson, signedIn } = await import("@/test/people");
const { LIMITS } = await import("@/server/limits");
const { artefactPath } = await import("@/backups/store");
const { storedArtefact } = await import("@/backups/backups.service");
const { removeBackup } = await import("@/backups/retention.service");
const { newToken, sha256Hex } = await import("@/server/secrets");
const { people, sessions } = await callers();

const limits = LIMITS as { uploadBytesMax: number; uploadIdleMs: number };
const kept = { ...limits };
afterEach(() => void Object.assign(limits, kept));
let server: Server;
beforeAll(async () => {
  // Sockets, so that a sender can go away: the handler as a server calls it.
  server = createServer((incoming, outgoing) => {
    const ended = new AbortController();
    outgoing.once("close", () => ended.abort());
    const headers = new Headers(Object.entries(incoming.headers).map(([name, value]) => [name, String(value)] as [string, string]));
    const body = Readable.toWeb(incoming) as ReadableStream<Uint8Array>;
    const init = { method: "POST", headers, body, duplex: "half", signal: ended.signal } as RequestInit;
    void uploadRoute.POST(new Request(`http://127.0.0.1:3000${incoming.url}`, init)).then(async (response) => {
      outgoing.writeHead(response.status, Object.fromEntries(response.headers));
      outgoing.end(Buffer.from(await response.arrayBuffer()));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await shop.remove();
});

const OWN = { "content-type": "application/octet-stream", "x-console": "1", "sec-fetch-site": "same-origin", origin: "http://127.0.0.1:3000" };
const QUERY = "engine=sqlite&connection=main&name=shop.sqlite";

function upload(who: Who | null, body: BodyInit, options: { headers?: Record<string, string>; query?: string; by?: Headers } = {}): Promise<Response> {
  const headers = new Headers(options.by ?? (who ? sessions[who] : {}));
  headers.set("host", "127.0.0.1:3000");
  for (const [name, value] of Object.entries({ ...OWN, ...options.headers })) if (value !== "") headers.set(name, value);
  const init = { method: "POST", headers, body, duplex: "half" } as RequestInit;
  return uploadRoute.POST(new Request(`http://127.0.0.1:3000/api/files/upload?${options.query ?? QUERY}`, init));
}

const context = { signal: new AbortController().signal, scratchDir: shop.folder, progress: () => undefined, log: () => undefined, child: () => undefined };

/** A body that says whether anybody asked for a byte of it. */
function watched(bytes: Uint8Array): { body: ReadableStream<Uint8Array>; wasRead: () => boolean } {
  let reads = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        reads += 1;
        controller.enqueue(bytes);
        controller.close();
      },
    },
    { highWaterMark: 0 },
  );
  return { body, wasRead: () => reads > 0 };
}

const state = async () => ({
  files: shop.stored(),
  backups: (await controlPlane().selectFrom("backups").select("id").execute()).length,
  jobs: (await controlPlane().selectFrom("jobs").select("id").execute()).length,
});
const audit = async () =>
  await controlPlane()
    .selectFrom("audit")
    .select(["outcome", "actor_id", "detail", "target"])
    .where("procedure", "=", "files.upload")
    .orderBy("seq", "desc")
    .execute();
const theFile = async (): Promise<Buffer<ArrayBuffer>> => Buffer.from(readFileSync(artefactPath((await shop.complete()).file_name)));

describe("a whole file", () => {
  test("is received as it is, read whole, and catalogued as uploaded; it can be restored", async () => {
    const bytes = await theFile();
    const response = await upload("admin", bytes);
    expect(response.status).toBe(202);
    expect(response.headers.get("cache-control")).toContain("no-store");
    const { jobId, backupId, sha256 } = (await response.json()) as { jobId: string; backupId: string; sha256: string };
    expect(sha256).toBe(createHash("sha256").update(bytes).digest("hex"));
    expect(await shop.ended(jobId)).toMatchObject({ state: "succeeded", kind: "upload", error: null });
    const row = await shop.backup(backupId);
    expect(row).toMatchObject({ state: "complete", origin: "upload", bytes: bytes.length, sha256, connection_id: "sqlite/main", created_by: people.admin.id });
    expect(row.verified_at).not.toBeNull();
    expect(row.file_name).toMatch(/^sq-main-[a-z0-9-]+\.sqlite$/);
    expect(readFileSync(artefactPath(row.file_name)).equals(bytes)).toBe(true);
    expect(shop.stored().filter((name) => name.includes("upload") || name.includes("partial"))).toEqual([]);
    const [ended, started] = await audit();
    expect([started?.outcome, ended?.outcome, started?.actor_id, started?.target]).toEqual(["started", "allowed", people.admin.id, "shop.sqlite"]);
    const { startRestore } = await import("@/backups/restores.service");
    const restored = await startRestore({
      backup: row,
      connection: shop.connection,
      engine: shop.engine,
      target: { name: "from-upload.sqlite" },
      user: shop.user,
      addConnection: async () => "x",
    });
    expect((await shop.ended(restored.jobId)).state).toBe("succeeded");
  });

  test("two at once are two backups, whatever their names", async () => {
    const bytes = await theFile();
    const query = "engine=sqlite&name=../../etc/passwd";
    const both = await Promise.all([upload("admin", bytes, { query }), upload("admin", bytes, { query })]);
    const started = (await Promise.all(both.map((response) => response.json()))) as { jobId: string; backupId: string }[];
    expect(new Set(started.map(({ backupId }) => backupId)).size).toBe(2);
    for (const { jobId, backupId } of started) {
      expect((await shop.ended(jobId)).state).toBe("succeeded");
      expect((await shop.backup(backupId)).file_name).toMatch(/^sq-main-[a-z0-9-]+\.sqlite$/);
    }
  });

  test("in WAL mode leaves nothing beside it when it is deleted, nor when it is refused", async () => {
    const path = join(shop.folder, "wal.sqlite");
    const database = new Database(path);
    database.pragma("journal_mode = WAL");
    database.exec("CREATE TABLE t (a); INSERT INTO t VALUES (1), (2)");
    database.close();
    const bytes = Buffer.from(readFileSync(path));
    expect(bytes[18]).toBe(2);
    const before = shop.stored();
    const { jobId, backupId } = (await (await upload("admin", bytes)).json()) as { jobId: string; backupId: string };
    expect((await shop.ended(jobId)).state).toBe("succeeded");
    const row = await shop.backup(backupId);
    await shop.engine.verify((await storedArtefact(row)).artefact, { ...context, jobId });
    expect(shop.stored().filter((name) => name.includes("partial"))).toEqual([]);
    await removeBackup(backupId);
    expect(shop.stored()).toEqual(before);
    const cut = (await (await upload("admin", bytes.subarray(0, 5_000))).json()) as { jobId: string };
    expect((await shop.ended(cut.jobId)).state).toBe("failed");
    expect(shop.stored()).toEqual(before);
  });

  test("may come from a token without a session", async () => {
    const secret = newToken();
    const row = { id: "t1", user_id: people.admin.id, name: "ci", token_hash: sha256Hex(secret), created_at: new Date().toISOString() };
    await controlPlane().insertInto("api_tokens").values(row).execute();
    const headers = { authorization: `Bearer ${secret}`, "x-console": "", "sec-fetch-site": "", origin: "" };
    const response = await upload(null, await theFile(), { headers });
    expect(response.status).toBe(202);
    await shop.ended(((await response.json()) as { jobId: string }).jobId);
  });
});

describe("who may not is refused before the body is read", () => {
  const refusals: [string, Who | null, Record<string, string>, number][] = [
    ["nobody", null, {}, 401],
    ["a viewer", "viewer", {}, 403],
    ["an operator", "operator", {}, 403],
    ["another site", "admin", { "sec-fetch-site": "cross-site" }, 403],
    ["another origin", "admin", { origin: "https://evil.example" }, 403],
    ["a form", "admin", { "content-type": "multipart/form-data; boundary=x" }, 403],
    ["a form's plain text", "admin", { "content-type": "text/plain" }, 403],
    ["a call without the console's header", "admin", { "x-console": "" }, 403],
  ];
  test.for(refusals)("B9: %s", async ([, who, headers, status]) => {
    const before = await state();
    const rows = (await audit()).length;
    const { body, wasRead } = watched(randomBytes(1_000));
    expect((await upload(who, body, { headers })).status).toBe(status);
    expect(wasRead()).toBe(false);
    expect(await state()).toEqual(before);
    if (who === "viewer" || who === "operator") {
      const [refused] = await audit();
      expect((await audit()).length).toBe(rows + 1);
      expect(refused).toMatchObject({ outcome: "refused", actor_id: people[who].id });
    }
  });

  test("an admin without a grant there: the connection does not exist", async () => {
    const hidden = await addPerson("admin");
    await putGrant({ userId: hidden.id, connectionId: "sqlite/main", role: "none" });
    const by = await signedIn(hidden);
    const { body, wasRead } = watched(randomBytes(10));
    const withheld = await upload(null, body, { by });
    const absent = await upload(null, watched(randomBytes(10)).body, { by, query: "engine=sqlite&connection=never" });
    expect([withheld.status, absent.status, wasRead()]).toEqual([404, 404, false]);
  });

  test("more than the limit by its own word, or more than the disk has", async () => {
    const before = await state();
    for (const length of [LIMITS.uploadBytesMax + 1, Number.MAX_SAFE_INTEGER]) {
      const { body, wasRead } = watched(randomBytes(10));
      expect((await upload("admin", body, { headers: { "content-length": String(length) } })).status).toBe(413);
      expect(wasRead()).toBe(false);
    }
    expect(await state()).toEqual(before);
  });
});

describe("what is not whole leaves nothing", () => {
  test.for(["disabled", "demoted", "shut out"] as const)("nor does what its sender may not send any more: %s", async (how) => {
    const person = await addPerson("admin");
    const by = await signedIn(person);
    const before = await state();
    const bytes = new Uint8Array(await readFile(shop.file));
    const body = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          if (how === "shut out") await putGrant({ userId: person.id, connectionId: "sqlite/main", role: "none" });
          else await updateUser(person.id, how === "disabled" ? { disabled: 1 } : { role: "operator" });
          controller.enqueue(bytes);
          controller.close();
        },
      },
      { highWaterMark: 0 },
    );
    expect((await upload(null, body, { by })).status).toBe(403);
    expect(await state()).toEqual(before);
  });

  test("J6: more than the limit with a false Content-Length, or with none", async () => {
    limits.uploadBytesMax = 100_000;
    const before = await state();
    for (const headers of [{ "content-length": "10" }, {}]) {
      const endless = new ReadableStream<Uint8Array>({ pull: (controller) => controller.enqueue(randomBytes(16_384)) });
      expect((await upload("admin", endless, { headers })).status).toBe(413);
    }
    expect(await state()).toEqual(before);
  });

  /** As a sender would push it, and how much was taken. */
  function pushed(bytes: number, head = Buffer.alloc(0)) {
    const zeros = new Uint8Array(1 << 20);
    let taken = 0;
    const pull = (controller: ReadableStreamDefaultController<Uint8Array>) => {
      const next = taken === 0 && head.length > 0 ? head : zeros;
      if (taken >= bytes) controller.close();
      else controller.enqueue(next);
      taken += next.length;
    };
    return { body: new ReadableStream<Uint8Array>({ pull }, { highWaterMark: 0 }), taken: () => taken };
  }

  test("F14: 10 GB of zeros are refused at their first bytes", async () => {
    const before = await state();
    const { body, taken } = pushed(10e9);
    const response = await upload("admin", body, { headers: { "content-length": String(10e9) } });
    expect(response.status).toBe(400);
    expect(await response.text()).toContain("begins with zeros");
    expect(taken()).toBeLessThanOrEqual(2 << 20);
    expect(await state()).toEqual(before);
  });

  test("F14: zeros without end behind the head of a database stop at the bound", async () => {
    limits.uploadBytesMax = 8 << 20;
    const before = await state();
    const { body, taken } = pushed(Infinity, Buffer.from((await theFile()).subarray(0, 4_096)));
    expect((await upload("admin", body)).status).toBe(413);
    expect(taken()).toBeLessThanOrEqual(10 << 20);
    expect((await state()).files.filter((name) => /partial|upload/.test(name))).toEqual([]);
    expect((await state()).jobs).toBe(before.jobs + 1);
  });

  test("fewer or more bytes than Content-Length says, or none at all", async () => {
    const before = await state();
    for (const [length, sent] of [
      ["20", 10],
      ["5", 10],
      ["0", 0],
      ["ten", 10],
    ] as const) {
      const response = await upload("admin", Buffer.alloc(sent, 1), { headers: { "content-length": length } });
      expect(response.status, length).toBe(400);
    }
    expect(await state()).toEqual(before);
  });

  /** Sends part of a body over a socket and then does something rude. */
  function half(rude: (socket: ReturnType<typeof httpRequest>) => void, headers: Record<string, string> = {}): Promise<number | string> {
    return new Promise((resolve) => {
      const { port } = server.address() as AddressInfo;
      const cookie = sessions.admin.get("cookie") ?? "";
      const all = { ...OWN, host: "127.0.0.1:3000", cookie, "x-console-peer": "10.0.0.1", ...headers };
      const outgoing = httpRequest({ port, host: "127.0.0.1", method: "POST", path: `/api/files/upload?${QUERY}`, headers: all }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      outgoing.on("error", (error) => resolve(error.message));
      outgoing.write(randomBytes(100_000));
      setTimeout(() => rude(outgoing), 100);
    });
  }

  test.for([["with its length said", { "content-length": "5000000" }] as const, ["in chunks", {}] as const])(
    "a sender that goes away, %s",
    async ([, headers]) => {
      const before = await state();
      const rows = (await audit()).length;
      await half((outgoing) => outgoing.destroy(), headers);
      // Until its end is written down.
      for (let waited = 0; waited < 10_000 && (await audit()).length < rows + 2; waited += 20) await delay(20);
      const [last] = await audit();
      expect(last?.outcome).toBe("failed");
      expect(await state()).toEqual(before);
    },
  );

  test("a sender that falls silent", async () => {
    limits.uploadIdleMs = 150;
    const before = await state();
    expect(await half(() => undefined)).toBe(504);
    expect(await state()).toEqual(before);
  });
});

describe("what is not a backup of this engine", () => {
  const foreign: [string, () => Promise<Buffer<ArrayBuffer>>][] = [
    ["random bytes", async () => Buffer.from(randomBytes(50_000))],
    ["an error page", async () => Buffer.from("<html><body>502 Bad Gateway</body></html>")],
    ["a truncated file", async () => Buffer.from((await theFile()).subarray(0, 9_000))],
  ];
  test.for(foreign)("%s: the backup failed in words and its file is gone", async ([, bytes]) => {
    const body = await bytes();
    const files = shop.stored();
    const response = await upload("admin", body);
    expect(response.status).toBe(202);
    const { jobId, backupId } = (await response.json()) as { jobId: string; backupId: string };
    expect((await shop.ended(jobId)).state).toBe("failed");
    const row = await shop.backup(backupId);
    expect(row).toMatchObject({ state: "failed", origin: "upload", manifest: null, verified_at: null });
    expect((JSON.parse(row.error ?? "{}") as { message: string }).message.length).toBeGreaterThan(10);
    expect(shop.stored()).toEqual(files);
  });
});
