import "server-only";
import { isUtf8 } from "node:buffer";
import { AppError } from "@/server/errors";
import type { BytesEncoding, RedisBytes } from "./redis.schema";

/** @returns the wire form of all the bytes, or of at most `prefixBytes` of them with the whole `length`. */
export function toWire(bytes: Buffer, options: { prefixBytes?: number } = {}): RedisBytes {
  const { prefixBytes } = options;
  if (prefixBytes === undefined || bytes.length <= prefixBytes) {
    return isUtf8(bytes) ? { text: bytes.toString("utf8") } : { base64: bytes.toString("base64") };
  }
  return toWirePrefix(bytes.subarray(0, prefixBytes), bytes.length);
}

/**
 * The wire form of the first bytes of a longer value. A character cut at the end is left out, so a text stays a text.
 * @param length the whole length in bytes
 */
export function toWirePrefix(prefix: Buffer, length: number): RedisBytes {
  const whole = prefix.subarray(0, prefix.length - cutCharacterBytes(prefix));
  return isUtf8(whole) ? { text: whole.toString("utf8"), length } : { base64: prefix.toString("base64"), length };
}

/** How many bytes of the value a wire form carries. */
export function carriedBytes(wire: RedisBytes): number {
  return "text" in wire ? Buffer.byteLength(wire.text, "utf8") : Buffer.byteLength(wire.base64, "base64");
}

export function fromWire(wire: RedisBytes): Buffer {
  if (wire.length !== undefined) throw new AppError("INVALID", "This is only the beginning of a longer value", { fix: "Load the whole value first." });
  return "text" in wire ? Buffer.from(wire.text, "utf8") : decodeBase64(wire.base64);
}

/** The bytes of a key or pattern that came as text with its encoding. */
export function addressedBytes(text: string, encoding: BytesEncoding): Buffer {
  return encoding === "utf8" ? Buffer.from(text, "utf8") : decodeBase64(text);
}

/** The opposite of addressedBytes: what to put into a URL for these bytes. */
export function toAddress(bytes: Buffer): { key: string; encoding: BytesEncoding } {
  return isUtf8(bytes) ? { key: bytes.toString("utf8"), encoding: "utf8" } : { key: bytes.toString("base64"), encoding: "base64" };
}

/** Bytes as a person may read them in a message: text, or \xff escapes for what is none; shortened. */
export function showBytes(bytes: Buffer): string {
  const shown = bytes.subarray(0, 80);
  const text = isUtf8(shown) ? shown.toString("utf8") : shown.toString("latin1");
  // oxlint-disable-next-line no-control-regex -- control characters are what is escaped here
  const escaped = text.replace(
    isUtf8(shown) ? /[\x00-\x1f\x7f]/g : /[^\x20-\x7e]/g,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
  return `"${escaped}"${bytes.length > shown.length ? ` (${bytes.length} bytes)` : ""}`;
}

/** Strict: Buffer.from ignores what it does not know, so the length of the result is compared. */
export function decodeBase64(text: string): Buffer {
  const bytes = Buffer.from(text, "base64");
  if (text.length % 4 !== 0 || bytes.toString("base64") !== text)
    throw new AppError("INVALID", "The key is not valid base64", { fix: "Send standard base64 with padding." });
  return bytes;
}

/** Bytes at the end that begin a UTF-8 character and do not finish it: 0 to 3. */
function cutCharacterBytes(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) {
      const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return needed > back ? back : 0;
    }
  }
  return 0;
}
