import "server-only";

import { ArchiveError } from "@/app/(console)/manage-dbs/mongodb/archive/archive-format";

/** A tar file as a stream of its plain files. Nothing is ever written to a disk, and still every name that would be dangerous is refused. */

export type TarEvent = { kind: "file"; path: string; size: number } | { kind: "data"; chunk: Buffer } | { kind: "end" };

const BLOCK = 512;
const ENTRIES_MAX = 200_000;
const NAME_BYTES_MAX = 4_096;
/** Long names and pax headers are kept in memory. */
const EXTENSION_BYTES_MAX = 64 * 1024;

interface Header {
  path: string;
  size: number;
  type: string;
}

/** @throws ArchiveError for anything that is not a whole tar file of plain files and folders */
export async function* readTar(chunks: AsyncIterable<Buffer>): AsyncGenerator<TarEvent> {
  const input = new BlockInput(chunks);
  let long: Partial<Header> = {};
  for (let entries = 0; ; entries++) {
    if (entries > ENTRIES_MAX) throw new ArchiveError("The tar file holds more files than this console reads");
    const block = await input.take(BLOCK);
    if (block.every((byte) => byte === 0)) {
      await input.onlyZerosFollow();
      return;
    }
    const header = { ...parseHeader(block), ...long };
    const padding = (BLOCK - (header.size % BLOCK)) % BLOCK;
    if (header.type === "x" || header.type === "L" || header.type === "g") {
      if (header.size > EXTENSION_BYTES_MAX) throw new ArchiveError("The tar file has an oversized header");
      const extension = await input.take(header.size);
      await input.take(padding);
      if (header.type === "x") long = { ...long, ...parsePax(extension) };
      else if (header.type === "L") long = { ...long, path: extension.toString("utf8").replace(/\0+$/, "") };
      continue;
    }
    long = {};
    checkEntry(header);
    if (header.type !== "5") {
      yield { kind: "file", path: header.path, size: header.size };
      for (let left = header.size; left > 0;) {
        const chunk = await input.some(left);
        left -= chunk.length;
        yield { kind: "data", chunk };
      }
      yield { kind: "end" };
    }
    await input.take(padding);
  }
}

const KINDS: Record<string, string> = { "1": "a hard link", "2": "a symbolic link", "3": "a device", "4": "a device", "6": "a pipe", S: "a sparse file" };

function checkEntry({ path, type }: Header): void {
  if (type !== "0" && type !== "\0" && type !== "5")
    throw new ArchiveError(
      `The tar file holds ${KINDS[type] ?? `an entry of an unknown kind (${JSON.stringify(type)})`}: ${shown(path)}. Only files and folders are read`,
    );
  const parts = path.split("/");
  const isOutside = path.startsWith("/") || /^[a-z]:/i.test(path) || path.includes("\\") || parts.includes("..");
  // What dumps a folder writes control characters as %XX.
  const isOdd = path === "" || /[\0-\x1f\x7f]/.test(path) || Buffer.byteLength(path) > NAME_BYTES_MAX;
  if (isOutside || isOdd) throw new ArchiveError(`The tar file holds a name that leads out of its folder, or that no dump has: ${shown(path)}`);
}

const shown = (path: string): string => JSON.stringify(path.slice(0, 100));

function parseHeader(block: Buffer): Header {
  let sum = 8 * 32;
  for (let index = 0; index < BLOCK; index++) if (index < 148 || index >= 156) sum += block[index] ?? 0;
  if (number(block.subarray(148, 156)) !== sum) throw new ArchiveError("The tar file is damaged: the checksum of a header is wrong");
  const isUstar = block.toString("latin1", 257, 262) === "ustar";
  const prefix = isUstar && block.toString("latin1", 257, 263) === "ustar\0" ? text(block.subarray(345, 500)) : "";
  const name = text(block.subarray(0, 100));
  return { path: prefix === "" ? name : `${prefix}/${name}`, size: number(block.subarray(124, 136)), type: String.fromCharCode(block[156] ?? 0) };
}

function text(field: Buffer): string {
  const end = field.indexOf(0);
  return field.toString("utf8", 0, end < 0 ? field.length : end);
}

/** Octal text, or big-endian bytes when the first bit is set. */
function number(field: Buffer): number {
  const first = field[0] ?? 0;
  let value: number;
  if (first & 0x80) {
    value = first & 0x7f;
    for (const byte of field.subarray(1)) value = value * 256 + byte;
  } else {
    const digits = text(field).trim();
    value = digits === "" ? 0 : /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN;
  }
  if (!Number.isSafeInteger(value)) throw new ArchiveError("The tar file is damaged: a header has a wrong number");
  return value;
}

/** Records of "length key=value\n". */
function parsePax(bytes: Buffer): Partial<Header> {
  const found: Partial<Header> = {};
  for (let position = 0; position < bytes.length;) {
    const space = bytes.indexOf(0x20, position);
    const length = space < 0 ? Number.NaN : Number(bytes.toString("latin1", position, space));
    if (!Number.isInteger(length) || length <= space - position || position + length > bytes.length)
      throw new ArchiveError("The tar file is damaged: an extended header is malformed");
    const record = bytes.toString("utf8", space + 1, position + length - 1);
    const equals = record.indexOf("=");
    const [key, value] = [record.slice(0, equals), record.slice(equals + 1)];
    if (key === "path") found.path = value;
    if (key === "size") found.size = /^[0-9]{1,15}$/.test(value) ? Number(value) : Number.NaN;
    if (Number.isNaN(found.size ?? 0)) throw new ArchiveError("The tar file is damaged: an extended header has a wrong size");
    position += length;
  }
  return found;
}

/** Chunks of any size as pieces of the wanted one. */
class BlockInput {
  private readonly iterator: AsyncIterator<Buffer>;
  private rest: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Buffer>) {
    this.iterator = chunks[Symbol.asyncIterator]();
  }

  /** At least one byte and at most so many. @throws ArchiveError at the end */
  async some(atMost: number): Promise<Buffer> {
    if (!(await this.fill())) throw new ArchiveError("The tar file is cut short");
    const chunk = this.rest.subarray(0, atMost);
    this.rest = this.rest.subarray(chunk.length);
    return chunk;
  }

  async take(bytes: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (let left = bytes; left > 0;) {
      const part = await this.some(left);
      left -= part.length;
      parts.push(part);
    }
    const [only] = parts;
    return parts.length === 1 && only ? only : Buffer.concat(parts);
  }

  async onlyZerosFollow(): Promise<void> {
    for (; await this.fill(); this.rest = Buffer.alloc(0))
      if (!this.rest.every((byte) => byte === 0)) throw new ArchiveError("Something follows the end of the tar file");
  }

  private async fill(): Promise<boolean> {
    while (this.rest.length === 0) {
      const next = await this.iterator.next();
      if (next.done) return false;
      this.rest = next.value;
    }
    return true;
  }
}
