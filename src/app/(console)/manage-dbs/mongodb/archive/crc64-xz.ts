/**
 * CRC-64/XZ as mongodump writes it (Go's crc64.ECMA): reflected polynomial, all ones in and out. Check value of "123456789":
 * 995dc9bbdf1939fa. Kept as two 32-bit halves and eight tables, because BigInt per byte is some fifty times slower.
 */

const POLYNOMIAL = 0xc96c5795d7870f42n;
const SLICES = 8;

/** tables[slice * 256 + byte], low and high half. */
const LOW = new Int32Array(SLICES * 256);
const HIGH = new Int32Array(SLICES * 256);

for (let byte = 0; byte < 256; byte++) {
  let value = BigInt(byte);
  for (let bit = 0; bit < 8; bit++) value = value & 1n ? (value >> 1n) ^ POLYNOMIAL : value >> 1n;
  LOW[byte] = Number(BigInt.asIntN(32, value));
  HIGH[byte] = Number(BigInt.asIntN(32, value >> 32n));
}
for (let slice = 1; slice < SLICES; slice++) {
  for (let byte = 0; byte < 256; byte++) {
    const before = (slice - 1) * 256 + byte;
    const low = LOW[before] ?? 0;
    const high = HIGH[before] ?? 0;
    const index = low & 0xff;
    LOW[slice * 256 + byte] = ((low >>> 8) | (high << 24)) ^ (LOW[index] ?? 0);
    HIGH[slice * 256 + byte] = (high >>> 8) ^ (HIGH[index] ?? 0);
  }
}

export class Crc64 {
  private low = -1;
  private high = -1;

  update(bytes: Uint8Array): void {
    let low = this.low;
    let high = this.high;
    let position = 0;
    const length = bytes.length;
    // The indices are within the arrays by construction; `as number` keeps the loop free of checks.
    for (; position + 8 <= length; position += 8) {
      const a =
        low ^
        ((bytes[position] as number) |
          ((bytes[position + 1] as number) << 8) |
          ((bytes[position + 2] as number) << 16) |
          ((bytes[position + 3] as number) << 24));
      const b =
        high ^
        ((bytes[position + 4] as number) |
          ((bytes[position + 5] as number) << 8) |
          ((bytes[position + 6] as number) << 16) |
          ((bytes[position + 7] as number) << 24));
      const i0 = 1792 + (a & 0xff);
      const i1 = 1536 + ((a >>> 8) & 0xff);
      const i2 = 1280 + ((a >>> 16) & 0xff);
      const i3 = 1024 + (a >>> 24);
      const i4 = 768 + (b & 0xff);
      const i5 = 512 + ((b >>> 8) & 0xff);
      const i6 = 256 + ((b >>> 16) & 0xff);
      const i7 = b >>> 24;
      low =
        (LOW[i0] as number) ^
        (LOW[i1] as number) ^
        (LOW[i2] as number) ^
        (LOW[i3] as number) ^
        (LOW[i4] as number) ^
        (LOW[i5] as number) ^
        (LOW[i6] as number) ^
        (LOW[i7] as number);
      high =
        (HIGH[i0] as number) ^
        (HIGH[i1] as number) ^
        (HIGH[i2] as number) ^
        (HIGH[i3] as number) ^
        (HIGH[i4] as number) ^
        (HIGH[i5] as number) ^
        (HIGH[i6] as number) ^
        (HIGH[i7] as number);
    }
    for (; position < length; position++) {
      const index = (low ^ (bytes[position] as number)) & 0xff;
      low = ((low >>> 8) | (high << 24)) ^ (LOW[index] as number);
      high = (high >>> 8) ^ (HIGH[index] as number);
    }
    this.low = low;
    this.high = high;
  }

  /** The value so far as the signed 64-bit integer an archive holds; 0 for no bytes at all. */
  value(): bigint {
    const low = BigInt(~this.low >>> 0);
    const high = BigInt(~this.high >>> 0);
    return BigInt.asIntN(64, (high << 32n) | low);
  }
}

/** 16 lower-case hexadecimal digits. */
export const crcHex = (value: bigint): string => BigInt.asUintN(64, value).toString(16).padStart(16, "0");
