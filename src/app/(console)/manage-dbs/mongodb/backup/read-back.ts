import "server-only";

import { once } from "node:events";
import { PassThrough } from "node:stream";

import { ArchiveError } from "@/app/(console)/manage-dbs/mongodb/archive/archive-format";
import { readArchive } from "@/app/(console)/manage-dbs/mongodb/archive/archive-reader";
import type { WrittenNamespace } from "@/app/(console)/manage-dbs/mongodb/archive/archive-writer";
import { ARCHIVE_FORMAT } from "@/app/(console)/manage-dbs/mongodb/backup/formats";
import type { ManifestContent, Verification } from "@/backups/engine";
import { AppError } from "@/server/errors";

/** An archive read back from the very bytes that go to the file, while the server is waited for: the file is then only hashed. */

const AHEAD_BYTES = 1024 * 1024;

/** Stands in the details of a manifest whose archive was read back while it was written. */
export const READ_BACK = { readBack: "while it was written" } as const;

export class ReadBack {
  private readonly copy = new PassThrough({ highWaterMark: AHEAD_BYTES });
  private readonly found: Promise<WrittenNamespace[]>;

  constructor(signal: AbortSignal) {
    this.found = this.read(signal);
    this.found.catch(() => undefined);
  }

  /** A step of the pipeline to the file, behind the compression. @throws AppError INTERNAL when what passes is no good archive */
  async *through(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of source) {
      if (!this.copy.write(chunk)) await Promise.race([once(this.copy, "drain"), this.found]);
      yield chunk;
    }
    this.copy.end();
  }

  /** @throws AppError INTERNAL when what was read back is not what was written */
  async assertSame(written: readonly WrittenNamespace[]): Promise<void> {
    const text = (namespaces: readonly WrittenNamespace[]) =>
      namespaces.map(({ database, collection, count, bytes, crc }) => JSON.stringify([database, collection, count, bytes, crc])).sort();
    const [wanted, found] = [text(written), text(await this.found)];
    const wrong = wanted.filter((line, index) => line !== found[index]);
    if (wrong.length === 0 && found.length === wanted.length) return;
    throw unreadable(wrong.slice(0, 3).join(", ") || "there is more in it");
  }

  /** Ends it when the pipeline has failed. */
  abandon(): void {
    this.copy.destroy();
  }

  private async read(signal: AbortSignal): Promise<WrittenNamespace[]> {
    const ended: WrittenNamespace[] = [];
    try {
      // Our own bytes may compress as well as they like.
      for await (const event of readArchive(this.copy, { signal, strict: true, expandedBytesMax: Infinity })) {
        if (event.kind !== "end") continue;
        const { database, collection, count, bytes, crc } = event;
        ended.push({ database, collection, count, bytes, crc });
      }
    } catch (error) {
      throw error instanceof ArchiveError ? unreadable(error.message) : error;
    }
    return ended;
  }
}

const unreadable = (why: string): AppError =>
  new AppError("INTERNAL", `What was written does not read back the same: ${why}`, { fix: "Take a new backup; look at this machine's memory." });

/** What the reading while writing found; null for an archive that was not read then. */
export function readBackWhileWriting(content: ManifestContent): Verification | null {
  if (content.format !== ARCHIVE_FORMAT || content.details["readBack"] !== READ_BACK.readBack) return null;
  return {
    method: "archive read whole while it was written: structure, CRC-64 of every collection, counts",
    objects: content.objects.map(({ name, count, checksum }) => ({ name, count, checksum })),
  };
}
