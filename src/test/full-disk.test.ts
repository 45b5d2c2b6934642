/** F6, F8: a store on a disk that is too small, or that cannot be written: said with figures and places, nothing left, what stood stands. */
import { randomBytes } from "node:crypto";
import { createWriteStream, readdirSync, rmSync, writeFileSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import type { BackupEngine } from "@/backups/engine";
import { type SmallDisk, smallDisk } from "@/test/small-disk";
import { failureOf } from "@/test/outcomes";
import { sqliteConsole } from "@/test/sqlite-console";

const shop = await sqliteConsole();
const { createBackup } = await import("@/backups/backups.service");
const { receiveUpload } = await import("@/backups/uploads.service");
const { storeDir } = await import("@/backups/store");

const MIB = 1 << 20;
const trial = smallDisk(storeDir(), 1);
trial?.remove();
let disk: SmallDisk | null = null;
afterEach(() => {
  disk?.remove();
  disk = null;
});
afterAll(() => shop.remove());

const { connection, user } = shop;

async function failed(engine: BackupEngine = shop.engine) {
  const { jobId, backupId } = await createBackup({ connection, engine, user });
  const job = await shop.ended(jobId);
  const row = await shop.backup(backupId);
  expect(job.state).toBe("failed");
  expect(row).toMatchObject({ state: "failed", manifest: null, sha256: null, verified_at: null });
  expect(row.error).toBe(job.error);
  return { error: failureOf(row), lines: await shop.lines(jobId) };
}

/** Streams more than any small disk takes: as fast as it can, or a piece at a time. */
const endless = (pauseMs: number): BackupEngine => ({
  ...shop.engine,
  async write(_connection, sink, context) {
    const file = sink.stream();
    for (;;) {
      if (context.signal.aborted) throw context.signal.reason;
      await new Promise<void>((resolve, reject) => file.write(randomBytes(64 * 1024), (error) => (error ? reject(error) : resolve())));
      if (pauseMs > 0) await delay(pauseMs);
    }
  },
});

describe.skipIf(trial === null)("a temporary directory on a small disk", () => {
  const temporary = process.env["TMPDIR"];
  afterEach(() => {
    if (temporary === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = temporary;
  });

  test.for(["by a stream, whose errors name no file", "by a file's name"])("is named when it is full, and not the store: %s", async (way) => {
    process.env["TMPDIR"] = join(shop.folder, "small-tmp");
    disk = smallDisk(process.env["TMPDIR"], 1);
    const isStream = way.startsWith("by a stream");
    const { error } = await failed({
      ...shop.engine,
      async write(_connection, _sink, context) {
        const path = join(context.scratchDir, "list");
        if (!isStream) writeFileSync(path, randomBytes(0.6 * MIB));
        await (isStream
          ? pipeline(Readable.from(Array.from({ length: 40 }, () => randomBytes(64 * 1024))), createWriteStream(path))
          : copyFile(path, `${path}-2`));
        throw new Error("the small disk took it all");
      },
    });
    expect(error).toMatchObject({ code: "LIMIT_EXCEEDED", fix: expect.stringContaining("TMPDIR") as string, detail: "ENOSPC" });
    expect(error.message).toMatch(/^No space left on the disk of .*small-tmp/);
    await expect.poll(() => readdirSync(process.env["TMPDIR"] ?? "")).toEqual([]);
    expect(readdirSync(storeDir()).filter((name) => name.endsWith(".partial"))).toEqual([]);
  });
});

describe.skipIf(trial === null)("a store on a small disk", () => {
  const writers: [string, () => BackupEngine][] = [
    ["a stream that is faster than the watch", () => endless(0)],
    ["a stream that the watch stops", () => endless(15)],
    ["an engine that writes the file itself", () => shop.engine],
  ];
  test.for(writers)("says how much was written and how much room there is, and removes it: %s", async ([, writer]) => {
    disk = smallDisk(storeDir(), 4);
    const good = await shop.complete();
    // The next one does not fit any more.
    if (writer() === shop.engine) writeFileSync(join(storeDir(), "other"), randomBytes(4 * MIB - (good.bytes ?? 0) - 300_000));
    const before = readdirSync(storeDir()).toSorted();
    const { error, lines } = await failed(writer());
    expect(error).toMatchObject({ code: "LIMIT_EXCEEDED", fix: expect.stringContaining("CONSOLE_DATA_DIR") as string });
    expect(error.message).toMatch(/^The store has room for \d+ bytes, and the backup needs more$/);
    expect(error.detail?.replace(/; \d+ bytes were written/, "")).toBe(`${storeDir()}; the last backup of this connection has ${good.bytes}`);
    if (writer() === shop.engine) expect(lines.join("\n")).toMatch(/room for \d+ bytes, the last backup has \d+: this one may not fit/);
    expect(readdirSync(storeDir()).toSorted()).toEqual(before);
    expect(await shop.backup(good.id)).toEqual(good);
    rmSync(join(storeDir(), "other"), { force: true });
    expect((await shop.complete()).state).toBe("complete");
  });

  test("that is full already is not written to at all", async () => {
    disk = smallDisk(storeDir(), 1);
    writeFileSync(join(storeDir(), "other"), randomBytes(MIB - 8_192));
    const { error } = await failed({ ...shop.engine, write: () => Promise.reject(new Error("it was asked to write")) });
    expect(error).toMatchObject({ code: "LIMIT_EXCEEDED", message: expect.stringContaining("has room for 0 bytes") as string });
    expect(readdirSync(storeDir())).toEqual(["other"]);
  });

  test("takes no upload that does not fit, whether it says its length or not", async () => {
    disk = smallDisk(storeDir(), 1);
    const body = () => {
      let left = 40;
      return new ReadableStream<Uint8Array>({
        pull: (controller) => ((left -= 1) < 0 ? controller.close() : controller.enqueue(randomBytes(64 * 1024))),
      });
    };
    const send = (length: number | null) =>
      receiveUpload({ connection, engine: shop.engine, user, name: "large", body: body(), length, signal: new AbortController().signal });
    await expect(send(40 * 64 * 1024)).rejects.toMatchObject({ code: "LIMIT_EXCEEDED", message: expect.stringMatching(/room for \d+ bytes/) as string });
    await expect(send(null)).rejects.toMatchObject({ code: "LIMIT_EXCEEDED", message: expect.stringContaining("No space left") as string });
    expect(readdirSync(storeDir())).toEqual([]);
  });

  test("that is read-only is named, for a backup and an upload", async () => {
    disk = smallDisk(storeDir(), 1);
    disk?.makeReadOnly();
    expect((await failed()).error).toMatchObject({ message: `The backup store ${storeDir()} cannot be written`, detail: "EROFS" });
    const body = new Response("x").body as ReadableStream<Uint8Array>;
    const sending = receiveUpload({ connection, engine: shop.engine, user, name: "x", body, length: 1, signal: new AbortController().signal });
    await expect(sending).rejects.toMatchObject({ message: expect.stringContaining(storeDir()) as string });
  });
});
