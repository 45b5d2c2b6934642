import "server-only";
import { AppError } from "@/server/errors";
import { dumpType } from "./redis.dump";

/** Which family of RDB files: since Valkey 9 the two give the same numbers other meanings, and only the file's first letters tell. */
export type RdbFamily = "Redis" | "Valkey";

export interface RdbMagic {
  family: RdbFamily;
  version: number;
}

export const MAGIC_BYTES = 9;
const REDIS_VERSIONS = { oldest: 6, newest: 12 };
const VALKEY_VERSION = 80;

export const Opcode = {
  /** Valkey 9: a slot being imported. Redis 8.6, in RDB version 13: metadata of a key. */
  slotImport: 243,
  slotInfo: 244,
  function: 245,
  functionOfPreview: 246,
  moduleAux: 247,
  idle: 248,
  frequency: 249,
  aux: 250,
  resizeDatabase: 251,
  expiryMs: 252,
  expirySeconds: 253,
  selectDatabase: 254,
  end: 255,
} as const;

/** @returns null when it is no RDB file's beginning at all. @throws UNSUPPORTED for a version that this console cannot walk */
export function readMagic(start: Buffer): RdbMagic | null {
  const text = start.toString("latin1", 0, MAGIC_BYTES);
  const [, redis, valkey] = /^(?:REDIS(\d{4})|VALKEY(\d{3}))$/.exec(text) ?? [];
  if (redis === undefined && valkey === undefined) return null;
  const magic: RdbMagic = { family: redis === undefined ? "Valkey" : "Redis", version: Number(redis ?? valkey) };
  const isKnown =
    magic.family === "Valkey" ? magic.version === VALKEY_VERSION : magic.version >= REDIS_VERSIONS.oldest && magic.version <= REDIS_VERSIONS.newest;
  if (isKnown) return magic;
  throw new AppError("UNSUPPORTED", `This is an RDB file of version ${magic.version} of ${magic.family}, which this console does not know`, {
    fix: `It reads versions ${REDIS_VERSIONS.oldest} to ${REDIS_VERSIONS.newest} of Redis and version ${VALKEY_VERSION} of Valkey; a backup key by key works with every server.`,
  });
}

interface RdbType {
  /** The RDB version that brought it. */
  since: number;
  /** Of what a server too old for it cannot hold: "1 key is ...", "12 keys are ...". */
  one: string;
  many: string;
}

/** Payloads are labelled at least with what Redis 5, the oldest server we speak to, writes. */
const OLDEST_LABEL = 9;
const form = (since: number, kind: string, how: string): RdbType => ({
  since,
  one: `a ${kind} ${how}`,
  many: `${kind}${kind.endsWith("h") ? "es" : "s"} ${how}`,
});
const PLAIN = form(OLDEST_LABEL, "value", "as Redis 5 wrote it");
const FIELD_EXPIRY = form(12, "hash", "with field expiry");
const FIELD_EXPIRY_OF_PREVIEW = form(12, "hash", "with field expiry of a Redis 7.4 preview");

const TYPES: Record<number, RdbType> = {
  ...Object.fromEntries([0, 1, 2, 3, 4, 5, 7, 9, 10, 11, 12, 13, 14, 15].map((byte) => [byte, PLAIN])),
  16: form(10, "hash", "in the compact form of Redis 7.0"),
  17: form(10, "sorted set", "in the compact form of Redis 7.0"),
  18: form(10, "list", "in the compact form of Redis 7.0"),
  19: form(10, "stream", "in the form of Redis 7.0"),
  20: form(11, "set", "in the compact form of Redis 7.2"),
  21: form(11, "stream", "in the form of Redis 7.2"),
  22: FIELD_EXPIRY_OF_PREVIEW,
  23: FIELD_EXPIRY_OF_PREVIEW,
  24: FIELD_EXPIRY,
  25: FIELD_EXPIRY,
};
const VALKEY_FIELD_EXPIRY = form(VALKEY_VERSION, "hash", "with field expiry in Valkey's form");

/** Null for a type byte that this family does not have, or that nobody can walk (the modules of a preview, 6). */
export function rdbType(byte: number, family: RdbFamily): RdbType | null {
  if (family === "Valkey" && byte > 21) return byte === 22 ? VALKEY_FIELD_EXPIRY : null;
  return TYPES[byte] ?? null;
}

/**
 * The RDB version that a value's payload is labelled with: the oldest that has its type. A server refuses labels above its
 * own version whatever is inside, so this is what lets a value go to every server that can hold it.
 */
export function labelVersion(byte: number, family: RdbFamily): number {
  return rdbType(byte, family)?.since ?? VALKEY_VERSION;
}

/** Whether a server of this family that writes `own` takes payloads labelled `version`. From 12 to 79 are Redis's, which Valkey refuses. */
export function takesLabel(version: number, server: { family: RdbFamily; own: number }): boolean {
  return version <= server.own && !(server.family === "Valkey" && version >= 12 && version < VALKEY_VERSION);
}

const NAMES = Array.from({ length: 256 }, (_, byte) => dumpType(Buffer.of(byte)));

/** As the TYPE command names it; modules by their id, nine bytes as a length in 64 bits. */
export function typeName(byte: number, moduleId: Buffer | null): string {
  return moduleId === null ? (NAMES[byte] ?? "unknown") : dumpType(Buffer.concat([Buffer.of(byte), moduleId]));
}
