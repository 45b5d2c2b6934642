/**
 * F12 to F14: what people take for a backup and is none, for all four engines: errors in a file, other engines' files, files in other
 * wrappings, bombs. Refused in words that name it, without a byte written and without being unpacked to the end.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ENGINE_IDS, type EngineId } from "@/engines";
import { AppError } from "@/server/errors";
import { testJob } from "@/test/contract/subject";
import { temporaryControlPlane } from "@/test/control-plane";

const { engineServers } = await import("@/trpc/engine-servers");
const folder = mkdtempSync(join(tmpdir(), "foreign-files-"));
let plane: Awaited<ReturnType<typeof temporaryControlPlane>>;
beforeAll(async () => {
  plane = await temporaryControlPlane();
});
afterAll(async () => {
  for (const engine of Object.values(engineServers)) await engine.close();
  await plane.remove();
  rmSync(folder, { recursive: true, force: true });
});

const ZEROS = gzipSync(Buffer.alloc(16 << 20), { level: 9 });
const pad = (start: string | Buffer, bytes = 5_000): Buffer => Buffer.concat([Buffer.from(start as string, "latin1"), Buffer.alloc(bytes)]);
const SQL = "--\n-- PostgreSQL database dump\n--\n\nSET statement_timeout = 0;\nCREATE TABLE t (a int);\n";
const own: Record<EngineId, string> = { sqlite: "SQLite format 3\0", redis: "REDIS0011", postgres: "PGDMP\u0001\u000e\0", mongodb: "\u006d\u00e2\u0099\u0081" };

/** What it is, its bytes, and the word that must be in the refusal; null where no word is promised. */
const files: [string, Buffer, RegExp | null][] = [
  ["nothing", Buffer.alloc(0), /empty/i],
  ["one byte", Buffer.from("x"), null],
  ["an empty gzip of 20 bytes", gzipSync(""), /empty|gzip/i],
  ["an error text", Buffer.from("pg_dump: error: connection to server failed: FATAL: no\n"), /text|else/i],
  ["a compressed error text", gzipSync("mongodump: error: cannot connect to host\n"), /text|gzip|else/i],
  ["a web page", Buffer.from("<!DOCTYPE html><html><title>502 Bad Gateway</title></html>"), /web page/i],
  ["a compressed web page", gzipSync("<html><body>502 Bad Gateway</body></html>"), /web page|gzip/i],
  ["plain SQL", Buffer.from(SQL), /SQL|text|else/],
  ["compressed plain SQL", gzipSync(SQL), /SQL|gzip|text/],
  ["JSON lines", Buffer.from('{"_id":1}\n{"_id":2}\n'), null],
  ["a zip", pad("PK\u0003\u0004"), null],
  ["random bytes", randomBytes(50_000), null],
  ["NULs", Buffer.alloc(50_000), null],
  ["gzip in gzip in gzip", gzipSync(gzipSync(gzipSync("PGDMP"))), /gzip|inside|else|archive/i],
  ["a gibibyte of zeros in a megabyte", Buffer.concat(Array.from({ length: 64 }, () => ZEROS)), null],
  ["a bomb in a bomb", gzipSync(Buffer.concat(Array.from({ length: 64 }, () => ZEROS))), null],
];

async function refusal(engine: EngineId, bytes: Buffer): Promise<{ error: AppError; left: string[]; grown: number }> {
  const path = join(folder, `file-${engine}`);
  writeFileSync(path, bytes);
  const scratch = mkdtempSync(join(folder, "scratch-"));
  const { context } = testJob(scratch, "0123456789ab");
  const before = process.memoryUsage.rss();
  const error = await engineServers[engine].backup.describe({ path, bytes: bytes.length }, context).then(
    () => new Error("it was taken"),
    (thrown: unknown) => thrown,
  );
  const grown = process.memoryUsage.rss() - before;
  expect(error, String(error)).toBeInstanceOf(AppError);
  expect(statSync(path).size, "the file is only read").toBe(bytes.length);
  const left = [...readdirSync(scratch), ...readdirSync(folder).filter((name) => name.startsWith("file-") && !ENGINE_IDS.some((id) => name === `file-${id}`))];
  return { error: error as AppError, left, grown };
}

describe.for(ENGINE_IDS)("%s", (engine) => {
  test.for(files)("%s is refused in words", async ([what, bytes, words]) => {
    const { error, left, grown } = await refusal(engine, bytes);
    expect(["INVALID", "LIMIT_EXCEEDED"], error.message).toContain(error.code);
    expect(error.message.length).toBeGreaterThan(15);
    if (words) expect(`${error.message} ${error.detail ?? ""}`, what).toMatch(words);
    expect(left).toEqual([]);
    expect(grown).toBeLessThan(500 << 20);
  });

  test.for(ENGINE_IDS.filter((other) => other !== engine))("a file of %s is known by its first bytes", async (other) => {
    const name: Record<EngineId, RegExp> = { sqlite: /SQLite/, redis: /Redis/, postgres: /PostgreSQL|pg_dump/, mongodb: /mongodump|MongoDB/ };
    for (const bytes of [pad(own[other]), Buffer.from(own[other], "latin1")]) {
      const { error } = await refusal(engine, bytes);
      expect(error.code).toBe("INVALID");
      expect(`${error.message} ${error.detail ?? ""}`).toMatch(name[other]);
    }
  });

  test("the first bytes of its own format alone are no backup", async () => {
    for (const bytes of [Buffer.from(own[engine], "latin1"), pad(own[engine], 100), Buffer.concat([Buffer.from(own[engine], "latin1"), randomBytes(5_000)])]) {
      const { error, left } = await refusal(engine, bytes);
      // Random bytes may say "a value of a type that nobody knows yet".
      expect(["INVALID", "UNSUPPORTED"], error.message).toContain(error.code);
      expect(left).toEqual([]);
    }
  });
});
