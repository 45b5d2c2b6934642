/** Bytes for people: UTF-8 as it is, else printable ASCII, every other byte as `\xff`. Never U+FFFD, nothing is lost. */

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
  const whole = decode(bytes);
  // Bytes that are no text as a whole are not guessed at: two of them may look like a letter by chance.
  for (const character of whole ?? bytes) {
    const text = typeof character === "string" ? character : String.fromCharCode(character);
    // A literal backslash is doubled, so that \xff in the text and the byte 0xff stay two things.
    if (text === "\\") push("\\\\", false);
    else if (!unprintable.test(text) && (whole !== null || text <= "~")) push(text, false);
    else for (const byte of typeof character === "string" ? encoder.encode(text) : [character]) push(`\\x${byte.toString(16).padStart(2, "0")}`, true);
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

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decode(bytes: Uint8Array): string | null {
  try {
    return decoder.decode(bytes);
  } catch {
    return null;
  }
}
