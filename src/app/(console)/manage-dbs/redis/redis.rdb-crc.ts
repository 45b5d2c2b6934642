import "server-only";

/**
 * CRC64 "Jones" (reflected polynomial 95ac9329ac4bc9b5, nothing inverted), which ends RDB files and DUMP payloads. Kept in
 * halves because JavaScript's bit operations have 32 bits; eight bytes a step, each with a table of its own.
 */
const POLYNOMIAL_HIGH = 0x95ac9329;
const POLYNOMIAL_LOW = 0xac4bc9b5;
const STRIDE = 8;
const { high: HIGH, low: LOW } = makeTables();

export class Crc64 {
  #high = 0;
  #low = 0;

  /** Bytes `from` (included) to `end` (excluded). */
  update(bytes: Buffer, from = 0, end = bytes.length): this {
    let high = this.#high;
    let low = this.#low;
    let at = from;
    for (const last = end - STRIDE; at <= last; at += STRIDE) {
      low ^= (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);
      high ^= (bytes[at + 4] ?? 0) | ((bytes[at + 5] ?? 0) << 8) | ((bytes[at + 6] ?? 0) << 16) | ((bytes[at + 7] ?? 0) << 24);
      const a = 1792 + (low & 255);
      const b = 1536 + ((low >>> 8) & 255);
      const c = 1280 + ((low >>> 16) & 255);
      const d = 1024 + (low >>> 24);
      const e = 768 + (high & 255);
      const f = 512 + ((high >>> 8) & 255);
      const g = 256 + ((high >>> 16) & 255);
      const h = high >>> 24;
      low = (LOW[a] ?? 0) ^ (LOW[b] ?? 0) ^ (LOW[c] ?? 0) ^ (LOW[d] ?? 0) ^ (LOW[e] ?? 0) ^ (LOW[f] ?? 0) ^ (LOW[g] ?? 0) ^ (LOW[h] ?? 0);
      high = (HIGH[a] ?? 0) ^ (HIGH[b] ?? 0) ^ (HIGH[c] ?? 0) ^ (HIGH[d] ?? 0) ^ (HIGH[e] ?? 0) ^ (HIGH[f] ?? 0) ^ (HIGH[g] ?? 0) ^ (HIGH[h] ?? 0);
    }
    for (; at < end; at++) {
      const entry = (low ^ (bytes[at] ?? 0)) & 255;
      low = ((low >>> 8) | (high << 24)) ^ (LOW[entry] ?? 0);
      high = (high >>> 8) ^ (HIGH[entry] ?? 0);
    }
    this.#high = high;
    this.#low = low;
    return this;
  }

  /** Of something followed by its own CRC: reflected and without final inversion that is zero. */
  get isZero(): boolean {
    return this.#high === 0 && this.#low === 0;
  }

  /** Little-endian, as RDB and DUMP have it. */
  writeTo(bytes: Buffer, at: number): void {
    bytes.writeInt32LE(this.#low, at);
    bytes.writeInt32LE(this.#high, at + 4);
  }

  equals(bytes: Buffer, at: number): boolean {
    return bytes.readInt32LE(at) === this.#low && bytes.readInt32LE(at + 4) === this.#high;
  }

  /** 16 hexadecimal digits, most significant first. */
  get hex(): string {
    return (this.#high >>> 0).toString(16).padStart(8, "0") + (this.#low >>> 0).toString(16).padStart(8, "0");
  }
}

/** Table n is table 0 with n zero bytes after it; all in one array each, 256 entries a table. */
function makeTables(): { high: Int32Array; low: Int32Array } {
  const tables = { high: new Int32Array(256 * STRIDE), low: new Int32Array(256 * STRIDE) };
  for (let byte = 0; byte < 256; byte++) {
    let high = 0;
    let low = byte;
    for (let bit = 0; bit < 8; bit++) {
      const carry = low & 1;
      low = (low >>> 1) | ((high & 1) << 31);
      high >>>= 1;
      if (carry === 1) {
        low ^= POLYNOMIAL_LOW;
        high ^= POLYNOMIAL_HIGH;
      }
    }
    tables.high[byte] = high;
    tables.low[byte] = low;
  }
  for (let at = 256; at < 256 * STRIDE; at++) {
    const high = tables.high[at - 256] ?? 0;
    const low = tables.low[at - 256] ?? 0;
    tables.low[at] = ((low >>> 8) | (high << 24)) ^ (tables.low[low & 255] ?? 0);
    tables.high[at] = (high >>> 8) ^ (tables.high[low & 255] ?? 0);
  }
  return tables;
}
