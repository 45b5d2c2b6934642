/** Names of keys between the wire, the URL, the pattern field and the eye. */
import { binaryToText } from "@/lib/binary-text";
import { base64ToBytes, bytesToBase64 } from "@/lib/hex";
import type { BytesEncoding, RedisBytes } from "../../redis.schema";

export interface KeyAddressText {
  key: string;
  encoding: BytesEncoding;
}

/** What to send for these bytes; null for a prefix, which addresses nothing. */
export function addressOf(name: RedisBytes): KeyAddressText | null {
  if (name.length !== undefined) return null;
  return "text" in name ? { key: name.text, encoding: "utf8" } : { key: name.base64, encoding: "base64" };
}

export function bytesOf(name: RedisBytes): Uint8Array<ArrayBuffer> {
  return "text" in name ? new TextEncoder().encode(name.text) : base64ToBytes(name.base64);
}

/** Bytes in all, also of what is not here. */
export function byteLength(value: RedisBytes): number {
  return value.length ?? bytesOf(value).length;
}

export function nameOf(address: KeyAddressText): RedisBytes {
  return address.encoding === "base64" ? { base64: address.key } : { text: address.key };
}

/** Printable and without loss: bytes that are no text as \xff. */
export function shownName(name: RedisBytes): string {
  if ("text" in name && !/[\p{C}\p{Zl}\p{Zp}\uFFFD\\]/u.test(name.text)) return name.text;
  return binaryToText(bytesOf(name));
}

interface Pattern {
  pattern: string;
  patternEncoding: BytesEncoding;
}

/** \xff in a glob is that byte, so that a name can be typed as it is shown; every other backslash is the glob's own. */
export function readPattern(text: string): Pattern {
  if (!/\\x[\da-f]{2}/i.test(text)) return { pattern: text, patternEncoding: "utf8" };
  const encoder = new TextEncoder();
  const bytes: number[] = [];
  for (const [piece, hex] of text.matchAll(/\\x([\da-f]{2})|\\?[^\\]|\\\\?/gisu)) {
    if (hex === undefined) bytes.push(...encoder.encode(piece));
    else bytes.push(...escaped(Number.parseInt(hex, 16)));
  }
  return { pattern: bytesToBase64(Uint8Array.from(bytes)), patternEncoding: "base64" };
}

/** The pattern that finds exactly this name. */
export function patternOf(name: RedisBytes): Pattern {
  const bytes = Uint8Array.from([...bytesOf(name)].flatMap(escaped));
  return "text" in name ? { pattern: new TextDecoder().decode(bytes), patternEncoding: "utf8" } : { pattern: bytesToBase64(bytes), patternEncoding: "base64" };
}

/** Without these a pattern is one name, which is looked up directly. */
export function isGlob(pattern: string): boolean {
  return /[*?[\\]/.test(pattern.replace(/\\x[\da-f]{2}/gi, ""));
}

const GLOB_SIGNS = new Set([..."*?[]\\"].map((sign) => sign.charCodeAt(0)));

function escaped(byte: number): number[] {
  return GLOB_SIGNS.has(byte) ? [0x5c, byte] : [byte];
}
