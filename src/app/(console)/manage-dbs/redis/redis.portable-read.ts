import "server-only";
import { createHash } from "node:crypto";
import type { z } from "zod";
import type { Artefact, ManifestContent } from "@/backups/engine";
import { AppError, throwIfCancelled } from "@/server/errors";
import { damaged, readBackupFile } from "./redis.backup-file";
import { countedObjects, countType, type TypeCounts } from "./redis.backup-read";
import { objectName } from "./redis.backup-read";
import {
  parsePortableLine,
  PORTABLE_FILE,
  PORTABLE_FORMAT,
  PortableFooter,
  PortableHeader,
  type Named,
  type OpenKey,
  type PortableRecord,
} from "./redis.portable-format";

/** Far above what is written: a part is near a megabyte, and its longest value 64 MiB as base64. */
const LINE_BYTES_MAX = 256 * 1024 * 1024;
const LINE_FEED = 10;
const FOOTER_START = Buffer.from('{"footer":1,');
const BATCH_LINES = 200;
/** Parts of big keys are near a megabyte each, and more once they are taken apart. */
const BATCH_BYTES = 1024 * 1024;

export interface PortableContent {
  header: PortableHeader;
  footer: PortableFooter;
  counts: TypeCounts;
  /** Bytes of the lines, by the manifest's names. */
  bytes: Map<string, number>;
}

interface ReadOptions {
  signal?: AbortSignal | undefined;
  /** Bytes of the file read so far. */
  onBytes?: ((bytes: number) => void) | undefined;
}

/**
 * All keys of a portable backup, big ones in parts, in batches. Seal, every line, counts and SHA-256 are checked; only when this ends
 * without an error is what it yielded the whole backup.
 */
export async function* readPortable(artefact: Pick<Artefact, "open">, options: ReadOptions = {}): AsyncGenerator<PortableRecord[], PortableContent> {
  const lines = new PortableLines();
  let batch: PortableRecord[] = [];
  let bytes = 0;
  for await (const line of linesOf(readBackupFile(artefact.open(), options.onBytes))) {
    const record = lines.take(line);
    if (record) batch.push(record);
    bytes += line.length;
    if (batch.length < BATCH_LINES && bytes < BATCH_BYTES) continue;
    throwIfCancelled(options.signal);
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
  return lines.end();
}

/** Reads everything and keeps nothing. @throws AppError INVALID when anything is off */
export async function checkPortable(artefact: Pick<Artefact, "open">, options: ReadOptions = {}): Promise<PortableContent> {
  const reading = readPortable(artefact, options);
  for (;;) {
    const step = await reading.next();
    if (step.done) return step.value;
    throwIfCancelled(options.signal);
  }
}

/** Whether a file of ours is a portable one, by its first line. What cannot be read is said when it is read whole. */
export async function isPortable(artefact: Pick<Artefact, "open">): Promise<boolean> {
  try {
    for await (const line of linesOf(readBackupFile(artefact.open()))) return line.subarray(0, START.length).equals(START);
  } catch (error) {
    if (!(error instanceof AppError && error.code === "INVALID")) throw error;
  }
  return false;
}

const START = Buffer.from(`{"format":"${PORTABLE_FILE}"`);

async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    let at = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, at)) {
      const rest = chunk.subarray(at, end);
      yield parts.length === 0 ? rest : Buffer.concat([...parts, rest]);
      parts = [];
      bytes = 0;
      at = end + 1;
    }
    if (at === chunk.length) continue;
    parts.push(chunk.subarray(at));
    bytes += chunk.length - at;
    if (bytes > LINE_BYTES_MAX) throw damaged("one of its lines has no end");
  }
  if (bytes > 0) throw damaged("its last line is cut");
}

/** Checks one line after another. */
class PortableLines {
  #header: PortableHeader | null = null;
  #footer: PortableFooter | null = null;
  #open: OpenKey | null = null;
  #openBytes = 0;
  #sha256 = "";
  readonly #hash = createHash("sha256");
  readonly #counts: TypeCounts = new Map();
  readonly #bytes = new Map<string, number>();

  take(line: Buffer): PortableRecord | null {
    if (this.#footer) throw damaged("something follows its last line");
    if (line.subarray(0, FOOTER_START.length).equals(FOOTER_START)) {
      this.#sha256 = this.#hash.digest("hex");
      this.#footer = parseJson(line, PortableFooter);
      return null;
    }
    this.#hash.update(line).update("\n");
    if (!this.#header) {
      this.#header = parseJson(line, PortableHeader);
      return null;
    }
    const record = parsePortableLine(line, this.#open);
    this.#openBytes = record.isFirst ? line.length + 1 : this.#openBytes + line.length + 1;
    if (record.isLast) this.#count(record);
    this.#open = record.isLast || record.isVoid ? null : record;
    return record;
  }

  end(): PortableContent {
    if (!this.#header) throw damaged("it has no header");
    if (!this.#footer || this.#open) throw damaged("its last line is missing");
    if (this.#footer.sha256 !== this.#sha256) throw damaged("its lines are not those that were written");
    const said = Object.entries(this.#footer.counts).flatMap(([db, types]) =>
      Object.entries(types).map(([type, count]) => `${objectName(Number(db), type)} ${count}`),
    );
    const found = countedObjects(this.#counts);
    const isEqual =
      said.toSorted().join() ===
      found
        .map(({ name, count }) => `${name} ${count}`)
        .toSorted()
        .join();
    if (!isEqual || this.#footer.keys !== found.reduce((sum, { count }) => sum + count, 0)) throw damaged("it does not hold as many keys as it says");
    return { header: this.#header, footer: this.#footer, counts: this.#counts, bytes: this.#bytes };
  }

  #count({ db, type }: PortableRecord): void {
    countType(this.#counts, db, type);
    const name = objectName(db, type);
    this.#bytes.set(name, (this.#bytes.get(name) ?? 0) + this.#openBytes);
  }
}

function parseJson<T extends z.ZodType>(line: Buffer, schema: T): z.infer<T> {
  try {
    return schema.parse(JSON.parse(line.toString("latin1")));
  } catch (error) {
    throw new AppError("INVALID", "The backup's first or last line is not what this console writes", {
      fix: "Use another backup, or a console of the version that wrote it.",
      cause: error,
    });
  }
}

/** What a manifest says of a portable backup: the same for one just written and for one that another console wrote. */
export function portableContent({ header, footer, counts, bytes }: PortableContent): ManifestContent {
  const { product, serverVersion, runId, evictionPolicy, databases, libraries } = header;
  const names = Object.keys(databases).map((db) => `db${db}`);
  return {
    format: PORTABLE_FORMAT,
    server: { product, version: serverVersion },
    source: names.join(", ") || "all logical databases, empty",
    tool: `foundry-console ${PORTABLE_FORMAT} ${header.version}`,
    consistency: "fuzzy",
    objects: countedObjects(counts).map(({ name, count }) => ({ name, kind: "keys", count, bytes: bytes.get(name) ?? null, checksum: null })),
    skipped: [
      ...(footer.vanished > 0 ? [{ name: names.join(", "), reason: `${footer.vanished} keys expired or were deleted before they could be read` }] : []),
      ...Object.entries(footer.leftOut).map(([name, left]) => ({ name, reason: `${left.reason}: ${namesOf(left)}` })),
      ...(libraries.length > 0 ? [{ name: "functions", reason: `the portable format carries keys only, no function libraries: ${libraries.join(", ")}` }] : []),
    ],
    details: {
      runId,
      evictionPolicy,
      databases,
      libraries,
      memoryBytes: footer.memoryBytes,
      vanished: footer.vanished,
      torn: footer.torn,
      fieldExpiries: footer.fieldExpiries,
    },
  };
}

/** "a, b and 3 more" */
export function namesOf({ count, names }: Named): string {
  const more = count - names.length;
  return `${names.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}
