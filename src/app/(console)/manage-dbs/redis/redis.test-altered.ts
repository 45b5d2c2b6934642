/** What every format of a backup promises of a file that was altered: it is refused, and a restore of it leaves nothing. */
import { createWriteStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { beforeAll, expect, it } from "vitest";
import type { Artefact, Verification } from "@/backups/engine";
import { redisBackup } from "./redis.backup";
import { writeBackupFile } from "./redis.backup-file";
import { alteredArtefact, artefactAt, testJob, type writeArtefact } from "./redis.test-artefact";
import { populate } from "./redis.test-seed";
import { startRedis } from "./redis.test-server";
import type { OneServer } from "./redis.test-suite";

export interface Altered {
  readonly artefact: Artefact;
  readonly bytes: Buffer;
  verify(altered: Buffer): Promise<Verification>;
}

interface Options {
  suite: () => OneServer;
  write: typeof writeArtefact;
  /** Of the file. */
  name: string;
}

const GZIP = 0x1f;

/** A file of these lines as the console itself seals it. */
export async function sealLines(lines: string[], path: string): Promise<string> {
  const file = writeBackupFile(createWriteStream(path));
  for (const line of lines) await file.write(`${line}\n`);
  await file.end();
  return path;
}

/** Declares the tests; the file they alter is there when the tests that come after them run. */
export function refusesAltered({ suite, write, name }: Options): Altered {
  let artefact: Artefact;
  let bytes: Buffer;
  let small: Buffer;
  beforeAll(async () => {
    const { server, dir } = suite();
    await server.driver().mset("a", "1", "b", "2");
    await server.driver().rpush("l", "x", "y");
    small = await readFile((await write(server.connection, join(dir.path, `small-${name}`))).path);
    await server.driver().flushall();
    await populate(server.driver(), 500);
    await server.driver(3).hset("h", "f", "v");
    artefact = await write(server.connection, join(dir.path, name));
    bytes = await readFile(artefact.path);
    await server.driver().flushall();
  });
  const verify = async (altered: Buffer) => redisBackup.verify(await alteredArtefact(artefact, altered), testJob());

  it("is refused with a bit flipped at 200 random places", async () => {
    await verify(bytes);
    for (let attempt = 0; attempt < 200; attempt++) {
      const altered = Buffer.from(bytes);
      const at = Math.floor(Math.random() * bytes.length);
      altered[at] = (altered[at] ?? 0) ^ (1 << Math.floor(Math.random() * 8));
      await expect(verify(altered), `byte ${at}`).rejects.toMatchObject({ name: "AppError" });
    }
  });

  it("is refused cut anywhere, and with anything behind it", async () => {
    const ends = [66, 65, 9, 8, 1].map((missing) => bytes.length - missing);
    const cuts = [0, 1, 4, 8, 9, 10, 11, bytes.length * 0.3, bytes.length * 0.95, ...ends];
    for (const cut of cuts) await expect(verify(bytes.subarray(0, Math.floor(cut))), `cut at ${cut}`).rejects.toMatchObject({ code: "INVALID" });
    for (const more of [Buffer.alloc(1), Buffer.alloc(5_000), Buffer.alloc(40, "f"), Buffer.from("text"), bytes])
      await expect(verify(Buffer.concat([bytes, more]))).rejects.toMatchObject({ code: "INVALID" });
  });

  it("is refused cut at every border of a record", async () => {
    await verify(small);
    if (small[0] !== GZIP) {
      for (let cut = 0; cut < small.length; cut++) await expect(verify(small.subarray(0, cut)), `cut at ${cut}`).rejects.toMatchObject({ code: "INVALID" });
      return;
    }
    // What is packed has no borders in the file: so many of its lines, with every checksum of the file right.
    const lines = gunzipSync(small).toString("latin1").trimEnd().split("\n");
    for (let kept = 0; kept < lines.length; kept++) {
      const path = await sealLines(lines.slice(0, kept), `${artefact.path}.cut`);
      await expect(redisBackup.verify(await artefactAt(path, artefact.manifest), testJob()), `${kept} lines`).rejects.toMatchObject({ code: "INVALID" });
    }
  });

  it("leaves nothing behind when it is restored unverified", async () => {
    const target = await startRedis();
    try {
      for (const cut of [0.5, 0.99]) {
        const short = await alteredArtefact(artefact, bytes.subarray(0, Math.floor(bytes.length * cut)));
        await expect(redisBackup.stage(short, target.connection, { name: "1" }, testJob())).rejects.toMatchObject({ code: "INVALID" });
        expect(await target.driver(1).dbsize(), `cut at ${cut}`).toBe(0);
      }
    } finally {
      await target.stop();
    }
  });

  return {
    get artefact() {
      return artefact;
    },
    get bytes() {
      return bytes;
    },
    verify,
  };
}
