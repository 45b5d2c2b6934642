/** RDB files made by hand, for what no server of the tests writes: old and foreign types, modules, damage with a right checksum. */
import { Crc64 } from "./redis.rdb-crc";
import { RdbWalker, type RdbFacts } from "./redis.rdb-walk";

export function length(value: number): Buffer {
  if (value < 64) return Buffer.of(value);
  if (value < 16_384) return Buffer.of(0x40 | (value >> 8), value & 255);
  const bytes = Buffer.alloc(5);
  bytes[0] = 0x80;
  bytes.writeUInt32BE(value, 1);
  return bytes;
}

export function longLength(value: bigint): Buffer {
  const bytes = Buffer.alloc(9);
  bytes[0] = 0x81;
  bytes.writeBigUInt64BE(value, 1);
  return bytes;
}

export function text(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([length(bytes.length), bytes]);
}

/** Magic, the parts, end and checksum. */
export function rdbOf(parts: Buffer[], { magic = "REDIS0011", hasChecksum = true } = {}): Buffer {
  const body = Buffer.concat([Buffer.from(magic), ...parts, Buffer.of(0xff)]);
  const checksum = Buffer.alloc(8);
  if (hasChecksum) new Crc64().update(body).writeTo(checksum, 0);
  return Buffer.concat([body, checksum]);
}

export interface WalkedKey {
  db: number;
  key: string;
  type: string;
  body: string;
  expiresAtMs: bigint | null;
  idleSeconds: number | null;
  frequency: number | null;
}

/** Walks bytes in chunks of one size. */
export function walkBytes(bytes: Buffer, chunkBytes = bytes.length): { facts: RdbFacts; keys: WalkedKey[] } {
  const keys: WalkedKey[] = [];
  let pieces: Buffer[] = [];
  const walker = new RdbWalker({
    wantsBodies: true,
    enter: () => (pieces = []),
    body: (piece) => pieces.push(Buffer.from(piece)),
    leave: ({ db, key, type: _byte, ...rest }, type) =>
      keys.push({ db, key: key.toString("latin1"), type, body: Buffer.concat(pieces).toString("latin1"), ...rest }),
  });
  for (let at = 0; at < bytes.length; at += chunkBytes) walker.push(Buffer.from(bytes.subarray(at, at + chunkBytes)));
  return { facts: walker.end(), keys };
}
