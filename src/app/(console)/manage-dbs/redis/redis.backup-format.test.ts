import { PassThrough, Readable, Writable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { deflateRawSync, gunzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readBackupFile, writeBackupFile } from "./redis.backup-file";
import { parseRecord, recordPieces, type BackupRecord } from "./redis.backup-format";
import { LongRecord } from "./redis.backup-long-record";
import { readPlacements } from "./redis.backup-target";

const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array));
const digits = fc.option(fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }).map(String), { nil: null });
const anyRecord: fc.Arbitrary<BackupRecord> = fc
  .record({ db: fc.integer({ min: 0, max: 999_999 }), key: bytes, dump: bytes, expiresAtMs: digits, use: digits, byFrequency: fc.boolean() })
  .map(({ use, byFrequency, ...record }) => ({ ...record, idleSeconds: byFrequency ? null : use, frequency: byFrequency ? use : null }));

const lineOf = (record: BackupRecord) => [...recordPieces(record)].join("");

describe("a record", () => {
  it("comes back equal, as JSON and as bytes", () => {
    fc.assert(
      fc.property(anyRecord, (record) => {
        const line = lineOf(record);
        expect(line.endsWith("\n")).toBe(true);
        expect(parseRecord(Buffer.from(line.slice(0, -1)))).toEqual(record);
        const json = JSON.parse(line) as { db: number; k: string; d: string };
        expect([json.db, Buffer.from(json.k, "base64").equals(record.key), Buffer.from(json.d, "base64").equals(record.dump)]).toEqual([record.db, true, true]);
      }),
      { numRuns: 1_000 },
    );
  });

  it("of many megabytes is written in pieces and comes back equal", () => {
    const dump = Buffer.alloc(10_000_001, "0123456789");
    const record: BackupRecord = { db: 0, key: Buffer.from("k"), dump, expiresAtMs: null, idleSeconds: "3", frequency: null };
    expect([...recordPieces(record)].length).toBeGreaterThan(4);
    expect(parseRecord(Buffer.from(lineOf(record).slice(0, -1))).dump.equals(dump)).toBe(true);
  });

  it("comes back equal from parts of any size", () => {
    fc.assert(
      fc.property(anyRecord, fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 20 }), (record, sizes) => {
        const line = Buffer.from(lineOf(record).slice(0, -1));
        const start = line.indexOf('"d":"') + 5 + (sizes[0] ?? 0);
        const long = new LongRecord(line.subarray(0, start));
        for (let at = start, part = 0; at < line.length; part++) {
          const size = sizes[part % sizes.length] ?? 1;
          long.push(line.subarray(at, at + size));
          at += size;
        }
        expect(long.finish()).toEqual(record);
      }),
      { numRuns: 1_000 },
    );
    const broken = (text: string) => () => {
      const long = new LongRecord(Buffer.from('{"db":0,"k":"","d":"'));
      for (const character of text) long.push(Buffer.from(character));
      long.finish();
    };
    expect(broken('YQ=="}')).not.toThrow();
    for (const text of ["YQ==", 'YQ="}', 'YQ==YQ=="}', 'Y*=="}', 'YQ==" }', 'YQ==","e":1', `YQ=="${" ".repeat(100)}}`])
      expect(broken(text), text).toThrow("not a record");
  });

  it("is read strictly", () => {
    for (const line of [
      "",
      "{}",
      '{"db":0,"k":"YQ==","d":"YQ=="',
      '{"db":0,"k":"YQ==","d":"YQ=="} ',
      ' {"db":0,"k":"YQ==","d":"YQ=="}',
      '{"db":-1,"k":"YQ==","d":"YQ=="}',
      '{"db":01,"k":"YQ==","d":"YQ=="}',
      '{"db":0,"k":"YQ=","d":"YQ=="}',
      '{"db":0,"k":"YQ==","d":"Y*=="}',
      '{"db":0,"k":"YQ==","d":"YQ==","e":-1}',
      '{"db":0,"k":"YQ==","d":"YQ==","e":1.5}',
      '{"db":0,"k":"YQ==","d":"YQ==","i":1,"f":1}',
      '{"db":0,"k":"YQ==","d":"YQ==","i":1,"e":1}',
      '{"db":0,"k":"YQ==","d":"YQ==","x":1}',
      '{"db":0,"d":"YQ==","k":"YQ=="}',
    ]) {
      expect(() => parseRecord(Buffer.from(line)), line).toThrow("not a record");
    }
  });
});

async function fileOf(pieces: string[]): Promise<Buffer> {
  const sink = new PassThrough();
  const collected = buffer(sink);
  const file = writeBackupFile(sink);
  for (const piece of pieces) await file.write(piece);
  await file.end();
  return collected;
}

async function read(file: Buffer): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of readBackupFile(Readable.from(chunked(file), { objectMode: false }))) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function* chunked(file: Buffer, bytes = 777): Generator<Buffer> {
  for (let at = 0; at < file.length; at += bytes) yield file.subarray(at, at + bytes);
}

describe("the file", () => {
  const text = Array.from({ length: 300 }, (_, index) => `line ${index} ${Math.sin(index)}\n`);

  it("is gzip for everybody and comes back equal", async () => {
    const file = await fileOf(text);
    expect(gunzipSync(file).toString()).toBe(text.join(""));
    expect((await read(file)).toString()).toBe(text.join(""));
    expect((await read(await fileOf([]))).length).toBe(0);
  });

  it("is refused with any bit changed, any byte missing, anything behind it", async () => {
    const file = await fileOf(text.slice(0, 20));
    for (let bit = 0; bit < file.length * 8; bit++) {
      const altered = Buffer.from(file);
      altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      await expect(read(altered), `bit ${bit}`).rejects.toMatchObject({ name: "AppError" });
    }
    for (let length = 0; length < file.length; length++)
      await expect(read(file.subarray(0, length)), `cut at ${length}`).rejects.toMatchObject({ name: "AppError" });
    for (const more of [Buffer.from([0]), Buffer.alloc(600), Buffer.from("text"), file])
      await expect(read(Buffer.concat([file, more]))).rejects.toMatchObject({ code: "INVALID" });
  });

  it("says what another file is", async () => {
    await expect(read(Buffer.from("REDIS0010\u00fa"))).rejects.toThrow("a Redis RDB file");
    await expect(read(Buffer.from("<html>502</html>"))).rejects.toThrow("a web page");
    await expect(read(Buffer.alloc(0))).rejects.toThrow("it is empty");
    await expect(read(Buffer.from("pg_dump: error: connection failed"))).rejects.toThrow("begins with something else");
  });

  it("stays below the ratio of a bomb even with nothing but zeros, and a bomb is stopped", async () => {
    const zeros = "A".repeat(1024 * 1024);
    const file = await fileOf(Array.from({ length: 120 }, () => zeros));
    expect((await read(file)).length).toBe(120 * 1024 * 1024);
    const bomb = Buffer.concat([(await fileOf([])).subarray(0, 10), deflated(256)]);
    let unpacked = 0;
    const reading = async () => {
      for await (const chunk of readBackupFile(Readable.from(chunked(bomb, 65_536), { objectMode: false }))) unpacked += chunk.length;
    };
    await expect(reading()).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
    expect(unpacked).toBeLessThan(200 * 1024 * 1024);
  });

  it("fails when its place is full, without hanging", async () => {
    const full = new Writable({ write: (_chunk, _encoding, done) => done(Object.assign(new Error("no space left"), { code: "ENOSPC" })) });
    const file = writeBackupFile(full);
    const writing = async () => {
      for (let index = 0; index < 200; index++) await file.write(Math.random().toString(36).repeat(50_000));
      await file.end();
    };
    await expect(writing()).rejects.toThrow("no space left");
  });
});

describe("a restore target", () => {
  it("is a number or pairs", () => {
    expect(readPlacements("5", [0, 3])).toEqual([{ from: 0, to: 5 }]);
    expect(readPlacements("0:5, 3:6", [0, 3])).toEqual([
      { from: 0, to: 5 },
      { from: 3, to: 6 },
    ]);
    expect(readPlacements("5", [])).toEqual([]);
  });
});

/** The compressed zeros of a bomb, as many mebibytes as asked for. */
function deflated(mebibytes: number): Buffer {
  return deflateRawSync(Buffer.alloc(mebibytes * 1024 * 1024), { level: 9 });
}
