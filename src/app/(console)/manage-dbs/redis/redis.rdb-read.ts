import "server-only";
import type { Artefact } from "@/backups/engine";
import { throwIfCancelled } from "@/server/errors";
import type { BackupRecord } from "./redis.backup-format";
import { DUMP_FOOTER_BYTES, writeDumpFooter } from "./redis.dump";
import { labelVersion, MAGIC_BYTES } from "./redis.rdb-types";
import { RdbWalker, type RdbEntry, type RdbFacts, type RdbVisitor } from "./redis.rdb-walk";

interface ReadOptions {
  signal?: AbortSignal | undefined;
  /** Bytes of the file read so far. */
  onBytes?: ((bytes: number) => void) | undefined;
  /** Logical databases to leave out. */
  without?: number[];
}

/** Payloads longer than this are only given room as they come: a length in a damaged file may be anything. */
const ROOM_AHEAD_MAX = 576 * 1024 * 1024;
const EMPTY = Buffer.alloc(0);

/** Whether a file begins as RDB files do, of whatever version. */
export async function isRdb(artefact: Pick<Artefact, "open">): Promise<boolean> {
  const source = artefact.open({ start: 0, end: MAGIC_BYTES - 1 });
  try {
    for await (const chunk of source) return /^(REDIS\d{4}|VALKEY\d{3})/.test((chunk as Buffer).toString("latin1", 0, MAGIC_BYTES));
    return false;
  } finally {
    source.destroy();
  }
}

/** Pushes a whole file through a walker. @throws AppError INVALID or UNSUPPORTED when anything is off */
export async function walkRdb(artefact: Pick<Artefact, "open">, visitor: RdbVisitor, options: ReadOptions = {}): Promise<RdbFacts> {
  const walker = new RdbWalker(visitor);
  for await (const bytes of pushAll(artefact, walker, options)) options.onBytes?.(bytes);
  return walker.end();
}

/**
 * All keys of an RDB file as records of a backup, in batches; the value's bytes are the file's own. Only when this ends
 * without an error was the file whole.
 */
export async function* readRdbRecords(artefact: Pick<Artefact, "open">, options: ReadOptions = {}): AsyncGenerator<BackupRecord[], RdbFacts> {
  const { without = [] } = options;
  const collector = new RecordCollector();
  const walker = new RdbWalker(collector);
  collector.familyOf = () => walker.magic?.family ?? "Redis";
  for await (const bytes of pushAll(artefact, walker, options)) {
    options.onBytes?.(bytes);
    const records = collector.take();
    const wanted = without.length === 0 ? records : records.filter(({ db }) => !without.includes(db));
    if (wanted.length > 0) yield wanted;
  }
  return walker.end();
}

async function* pushAll(artefact: Pick<Artefact, "open">, walker: RdbWalker, { signal }: ReadOptions): AsyncGenerator<number> {
  const source = artefact.open();
  let bytes = 0;
  try {
    for await (const chunk of source) {
      throwIfCancelled(signal);
      walker.push(chunk as Buffer);
      bytes += (chunk as Buffer).length;
      yield bytes;
    }
  } finally {
    source.destroy();
  }
}

class RecordCollector implements RdbVisitor {
  readonly wantsBodies = true;
  records: BackupRecord[] = [];
  familyOf: () => "Redis" | "Valkey" = () => "Redis";
  /** The payload in work, with room for what is known to follow. */
  #payload: Buffer = EMPTY;
  #length = 0;

  enter(): void {
    this.#payload = EMPTY;
    this.#length = 1;
  }

  body(piece: Buffer, more: number): void {
    const needed = this.#length + piece.length + DUMP_FOOTER_BYTES;
    if (needed > this.#payload.length) {
      // Most values come in one piece and get just their room; those that come in many get twice as much each time.
      const room = Buffer.allocUnsafe(Math.max(needed, Math.min(needed + more, ROOM_AHEAD_MAX), this.#payload.length * 2));
      this.#payload.copy(room, 0, 0, this.#length);
      this.#payload = room;
    }
    this.#length += piece.copy(this.#payload, this.#length);
  }

  leave(entry: RdbEntry): void {
    this.#payload[0] = entry.type;
    const dump = this.#payload.subarray(0, this.#length + DUMP_FOOTER_BYTES);
    writeDumpFooter(dump, labelVersion(entry.type, this.familyOf()));
    this.records.push({
      db: entry.db,
      key: entry.key,
      dump,
      expiresAtMs: entry.expiresAtMs === null ? null : entry.expiresAtMs.toString(),
      idleSeconds: entry.idleSeconds === null ? null : String(entry.idleSeconds),
      frequency: entry.frequency === null ? null : String(entry.frequency),
    });
  }

  take(): BackupRecord[] {
    const { records } = this;
    this.records = [];
    return records;
  }
}
