import "server-only";
import { createReadStream } from "node:fs";
import type { JobContext, ManifestContent } from "@/backups/engine";
import { recordBytes } from "./redis.backup-format";
import { countedObjects, objectName, readBackup, type BackupContent } from "./redis.backup-read";
import { dumpType } from "./redis.dump";
import { checkPortable, portableContent } from "./redis.portable-read";

/**
 * A scan-mode file that another console wrote: read whole, with every check that its own console makes.
 * @throws INVALID, in words, for anything else
 */
export async function describeScan({ path, bytes }: { path: string; bytes: number }, context: JobContext): Promise<ManifestContent> {
  context.progress({ phase: "Read whole", bytesTotal: bytes, bytesDone: 0 });
  const lineBytes = new Map<string, number>();
  const file = { open: () => createReadStream(path, { highWaterMark: 1 << 20 }) };
  const reading = readBackup(file, { signal: context.signal, onBytes: (bytesDone) => context.progress({ bytesDone }) });
  for (;;) {
    const step = await reading.next();
    if (step.done) return contentOf(step.value, lineBytes);
    for (const record of step.value) {
      const name = objectName(record.db, dumpType(record.dump));
      lineBytes.set(name, (lineBytes.get(name) ?? 0) + recordBytes(record));
    }
  }
}

function contentOf({ header, footer, counts }: BackupContent, lineBytes: Map<string, number>): ManifestContent {
  const { product, serverVersion, rdbVersion, runId, evictionPolicy, databases, libraries } = header;
  const names = Object.keys(databases).map((db) => `db${db}`);
  return {
    format: "redis-scan",
    server: { product, version: serverVersion },
    source: names.join(", ") || "all logical databases, empty",
    tool: `foundry-console redis-scan ${header.version}`,
    consistency: "fuzzy",
    objects: countedObjects(counts).map(({ name, count }) => ({ name, kind: "keys", count, bytes: lineBytes.get(name) ?? null, checksum: null })),
    skipped: footer.vanished > 0 ? [{ name: names.join(", "), reason: `${footer.vanished} keys expired or were deleted before they could be read` }] : [],
    details: { rdbVersion, runId, evictionPolicy, databases, libraries, memoryBytes: footer.memoryBytes, vanished: footer.vanished },
  };
}

/** The same for a portable one. */
export async function describePortable({ path, bytes }: { path: string; bytes: number }, context: JobContext): Promise<ManifestContent> {
  context.progress({ phase: "Read whole", bytesTotal: bytes, bytesDone: 0 });
  const file = { open: () => createReadStream(path, { highWaterMark: 1 << 20 }) };
  return portableContent(await checkPortable(file, { signal: context.signal, onBytes: (bytesDone) => context.progress({ bytesDone }) }));
}
