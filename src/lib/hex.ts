/** Hexadecimal text as the wire carries it (lower case, no prefix), and how it is shown. */

export interface HexLine {
  /** Eight digits. */
  offset: string;
  /** Two groups of eight bytes at most. */
  left: string;
  right: string;
  /** Printable ASCII, everything else a dot. */
  text: string;
}

export function bytesToHex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text;
}

/** @throws RangeError when the text is not pairs of hexadecimal digits */
export function hexToBytes(hex: string): Uint8Array<ArrayBuffer> {
  if (hex.length % 2 !== 0 || !/^[\da-f]*$/i.test(hex)) throw new RangeError("Not hexadecimal: pairs of the digits 0 to 9 and a to f are expected");
  const bytes = new Uint8Array(hex.length / 2);
  for (let index = 0; index < bytes.length; index += 1) bytes[index] = Number.parseInt(hex.slice(index * 2, index * 2 + 2), 16);
  return bytes;
}

/** @throws DOMException when the text is not base64 */
export function base64ToBytes(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

export function bytesToBase64(bytes: Uint8Array): string {
  let binary = "";
  for (let start = 0; start < bytes.length; start += 0x8000) binary += String.fromCharCode(...bytes.subarray(start, start + 0x8000));
  return btoa(binary);
}

/** Sixteen bytes a line, as hexdump shows them. */
export function hexLines(bytes: Uint8Array, { from = 0, lines = Number.POSITIVE_INFINITY }: { from?: number; lines?: number } = {}): HexLine[] {
  const result: HexLine[] = [];
  for (let offset = from; offset < bytes.length && result.length < lines; offset += 16) {
    const line = bytes.subarray(offset, offset + 16);
    const pairs = [...line].map((byte) => byte.toString(16).padStart(2, "0"));
    result.push({
      offset: offset.toString(16).padStart(8, "0"),
      left: pairs.slice(0, 8).join(" "),
      right: pairs.slice(8).join(" "),
      text: [...line].map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".")).join(""),
    });
  }
  return result;
}
