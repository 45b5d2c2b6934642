import "server-only";
import { AppError } from "@/server/errors";

/** Encodings of a string beside plain bytes. */
export const Encoding = { plain: -1, int8: 0, int16: 1, int32: 2, lzf: 3 } as const;

const SIZE_MAX = 2 ** 48;

/**
 * A place in the bytes at hand. Reads either succeed and move on, or find that bytes are missing and stay: then the caller
 * waits for more. What was read stands in the fields, because objects for millions of lengths would cost more than reading them.
 */
export class RdbCursor {
  bytes: Buffer = Buffer.alloc(0);
  at = 0;
  /** What the last read gave: a length, or of a string the bytes that follow. Inexact above 2^53. */
  length = 0;
  /** Of the last string. */
  encoding: number = Encoding.plain;
  /** Of the last string that is packed, else as `length`. */
  unpackedLength = 0;
  /** The last length was no length but named a special encoding. */
  #isSpecial = false;

  open(bytes: Buffer): void {
    this.bytes = bytes;
    this.at = 0;
  }

  get left(): number {
    return this.bytes.length - this.at;
  }

  readLength(): boolean {
    const { bytes, at } = this;
    if (at >= bytes.length) return false;
    const first = bytes[at] ?? 0;
    this.#isSpecial = false;
    if (first < 0x40) {
      this.length = first;
      this.at = at + 1;
      return true;
    }
    if (first < 0x80) {
      if (at + 2 > bytes.length) return false;
      this.length = ((first & 63) << 8) | (bytes[at + 1] ?? 0);
      this.at = at + 2;
      return true;
    }
    if (first >= 0xc0) {
      this.length = first & 63;
      this.#isSpecial = true;
      this.at = at + 1;
      return true;
    }
    return this.#readLongLength(first);
  }

  #readLongLength(first: number): boolean {
    const { bytes, at } = this;
    if (first === 0x80) {
      if (at + 5 > bytes.length) return false;
      this.length = bytes.readUInt32BE(at + 1);
      this.at = at + 5;
      return true;
    }
    if (first !== 0x81) throw damagedRdb("a length has a form that does not exist");
    if (at + 9 > bytes.length) return false;
    this.length = bytes.readUInt32BE(at + 1) * 2 ** 32 + bytes.readUInt32BE(at + 5);
    this.at = at + 9;
    return true;
  }

  /** A number of things that follow. */
  readCount(): boolean {
    if (!this.readLength()) return false;
    if (this.#isSpecial || this.length > SIZE_MAX) throw damagedRdb("a count is not a number");
    return true;
  }

  /** What stands before a string's bytes: `length` bytes follow. */
  readStringStart(): boolean {
    const from = this.at;
    if (!this.readLength()) return false;
    if (!this.#isSpecial) {
      if (this.length > SIZE_MAX) throw damagedRdb("a string is longer than any can be");
      this.encoding = Encoding.plain;
      this.unpackedLength = this.length;
      return true;
    }
    this.encoding = this.length;
    if (this.encoding > Encoding.lzf) throw damagedRdb("a string has an encoding that does not exist");
    if (this.encoding < Encoding.lzf) {
      this.length = this.unpackedLength = 1 << this.encoding;
      return true;
    }
    if (!this.readCount()) return this.#back(from);
    const packed = this.length;
    if (!this.readCount()) return this.#back(from);
    this.unpackedLength = this.length;
    this.length = packed;
    this.encoding = Encoding.lzf;
    return true;
  }

  #back(from: number): false {
    this.at = from;
    return false;
  }
}

export function damagedRdb(why: string): AppError {
  return new AppError("INVALID", `The RDB file is cut or damaged: ${why}`, { fix: "Use another file." });
}
