/** Bytes for people: printable UTF-8 as it is, every other byte as `\xff`. Never U+FFFD, nothing is lost. */

export interface BinarySegment {
  text: string;
  /** True for a run of escaped bytes, shown in the colour of numbers. */
  escaped: boolean;
}

/** Control, separator, surrogate, private and unassigned code points say nothing on screen; nor does U+FFFD, which would look like damage. */
const unprintable = /[\p{C}\p{Zl}\p{Zp}\uFFFD]/u;

export function binarySegments(bytes: Uint8Array): BinarySegment[] {
  const segments: BinarySegment[] = [];
  const push = (text: string, escaped: boolean): void => {
    const last = segments.at(-1);
    if (last && last.escaped === escaped) last.text += text;
    else segments.push({ text, escaped });
  };
  let index = 0;
  while (index < bytes.length) {
    const length = sequenceLength(bytes, index);
    const character = length === 0 ? null : decode(bytes.subarray(index, index + length));
    // A literal backslash is doubled, so that \xff in the text and the byte 0xff stay two things.
    if (character === "\\") push("\\\\", false);
    else if (character !== null && !unprintable.test(character)) push(character, false);
    else for (const byte of bytes.subarray(index, index + Math.max(1, length))) push(`\\x${byte.toString(16).padStart(2, "0")}`, true);
    index += Math.max(1, length);
  }
  return segments;
}

/** The same as one string: for titles, labels and copying. */
export function binaryToText(bytes: Uint8Array): string {
  return binarySegments(bytes)
    .map((segment) => segment.text)
    .join("");
}

/**
 * Reads what `binaryToText` writes.
 * @throws RangeError at an escape that is neither `\\` nor `\xff`
 */
export function textToBinary(text: string): Uint8Array<ArrayBuffer> {
  const encoder = new TextEncoder();
  const parts: number[] = [];
  for (const match of text.matchAll(/\\x([\da-fA-F]{2})|\\(\\)|(\\)|([^\\]+)/g)) {
    const [, hex, backslash, bad, plain] = match;
    if (hex !== undefined) parts.push(Number.parseInt(hex, 16));
    else if (backslash !== undefined) parts.push(0x5c);
    else if (plain !== undefined) parts.push(...encoder.encode(plain));
    else if (bad !== undefined) throw new RangeError(`Position ${match.index + 1}: write \\\\ for a backslash or \\xff for a byte`);
  }
  return Uint8Array.from(parts);
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decode(bytes: Uint8Array): string | null {
  try {
    return decoder.decode(bytes);
  } catch {
    return null;
  }
}

/** How many bytes the well-formed UTF-8 sequence at `index` takes; 0 when there is none. */
function sequenceLength(bytes: Uint8Array, index: number): number {
  const first = bytes[index] ?? 0;
  const length = first < 0x80 ? 1 : first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3 : first >= 0xf0 && first < 0xf5 ? 4 : 0;
  if (length === 0 || index + length > bytes.length) return 0;
  return decode(bytes.subarray(index, index + length)) === null ? 0 : length;
}
