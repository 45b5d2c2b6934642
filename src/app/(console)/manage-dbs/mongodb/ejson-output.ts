import "server-only";

import { isUtf8 } from "node:buffer";

/**
 * JSON as bytes in one growing buffer. Exports write hundreds of megabytes: strings on the way would be garbage of several
 * times that size, and plain text needs no decoding at all.
 */

const START_BYTES = 64 * 1024;
const KEPT_BYTES_MAX = 1024 * 1024;
const SHORT = 24;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const HEX = Buffer.from("0123456789abcdef");

export class EjsonOutput {
  position = 0;
  private bytes = Buffer.allocUnsafe(START_BYTES);

  /** Only characters below U+0080. */
  ascii(text: string): void {
    this.ensure(text.length);
    const { bytes } = this;
    if (text.length > SHORT) {
      this.position += bytes.write(text, this.position, "latin1");
      return;
    }
    for (let index = 0; index < text.length; index++) bytes[this.position++] = text.charCodeAt(index);
  }

  /** Lower-case hexadecimal digits of a few bytes. */
  hex(source: Buffer, start: number, end: number): void {
    this.ensure((end - start) * 2);
    for (let index = start; index < end; index++) {
      const byte = source[index] ?? 0;
      this.bytes[this.position++] = HEX[byte >> 4] ?? 0;
      this.bytes[this.position++] = HEX[byte & 15] ?? 0;
    }
  }

  /**
   * A JSON string out of UTF-8 bytes.
   * @returns false, with nothing written, when they are not valid UTF-8
   */
  quoted(source: Buffer, start: number, end: number): boolean {
    if (isPlain(source, start, end)) {
      this.ensure(end - start + 2);
      this.bytes[this.position++] = QUOTE;
      this.position += source.copy(this.bytes, this.position, start, end);
      this.bytes[this.position++] = QUOTE;
      return true;
    }
    if (!isUtf8(source.subarray(start, end))) return false;
    const text = JSON.stringify(source.toString("utf8", start, end));
    this.ensure(text.length * 3);
    this.position += this.bytes.write(text, this.position, "utf8");
    return true;
  }

  /** What was written, as text; the output is empty again afterwards. */
  takeText(): string {
    const text = this.bytes.toString("utf8", 0, this.position);
    this.reset();
    return text;
  }

  /** What was written, as a copy of its own; the output is empty again afterwards. */
  takeBytes(): Buffer {
    const taken = Buffer.from(this.bytes.subarray(0, this.position));
    this.reset();
    return taken;
  }

  /** Forgets what was written; a buffer that one huge document made large is let go. */
  reset(): void {
    this.position = 0;
    if (this.bytes.length > KEPT_BYTES_MAX) this.bytes = Buffer.allocUnsafe(START_BYTES);
  }

  private ensure(more: number): void {
    const needed = this.position + more;
    if (needed <= this.bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.bytes.length * 2));
    this.bytes.copy(grown, 0, 0, this.position);
    this.bytes = grown;
  }
}

/** Printable ASCII that JSON needs no escape for. */
function isPlain(source: Buffer, start: number, end: number): boolean {
  for (let index = start; index < end; index++) {
    const byte = source[index] as number;
    if (byte < 0x20 || byte > 0x7e || byte === QUOTE || byte === BACKSLASH) return false;
  }
  return true;
}
