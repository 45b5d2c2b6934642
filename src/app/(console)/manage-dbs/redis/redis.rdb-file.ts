import "server-only";
import { createReadStream } from "node:fs";
import type { Artefact, JobContext, ManifestContent, Verification } from "@/backups/engine";
import { RdbCounter, rdbContent, rdbObjects } from "./redis.rdb-content";
import { walkRdb } from "./redis.rdb-read";
import type { RdbFacts } from "./redis.rdb-walk";

/** Reads an RDB whole: structure, counts and the CRC64 over every byte. @throws AppError INVALID or UNSUPPORTED when anything is off */
export async function verifyRdb(artefact: Artefact, context: JobContext): Promise<Verification> {
  context.progress({ phase: "Read back whole", bytesTotal: artefact.bytes });
  const counter = new RdbCounter();
  const facts = await walkRdb(artefact, counter, { signal: context.signal, onBytes: (bytesDone) => context.progress({ bytesDone }) });
  return {
    method: `walked whole: structure and counts, ${facts.hasChecksum ? "CRC64 over all bytes" : "no CRC64 (the server was told to write none)"}`,
    objects: rdbObjects(facts, counter).map(({ name, count }) => ({ name, count })),
  };
}

/** What an RDB that was made elsewhere holds, as if it had been written here. @throws AppError INVALID in words for anything else */
export async function describeRdb(file: { path: string; bytes: number }, context: JobContext): Promise<ManifestContent> {
  context.progress({ phase: "Read whole", bytesTotal: file.bytes });
  const counter = new RdbCounter();
  const open = (range: { start?: number; end?: number } = {}) => createReadStream(file.path, { highWaterMark: 1 << 20, ...range });
  const facts = await walkRdb({ open }, counter, { signal: context.signal, onBytes: (bytesDone) => context.progress({ bytesDone }) });
  return rdbContent({ facts, counter, server: serverOf(facts), tool: "an RDB made elsewhere", evictionPolicy: null });
}

function serverOf({ aux, magic }: RdbFacts): { product: string; version: string } {
  const valkey = aux.get("valkey-ver");
  return { product: valkey === undefined && magic.family === "Redis" ? "Redis" : "Valkey", version: valkey ?? aux.get("redis-ver") ?? "unknown" };
}
