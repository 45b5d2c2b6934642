import "server-only";
import { z } from "zod";
import type { ManifestContent, ManifestObject } from "@/backups/engine";
import { MARKERS } from "./redis.backup-marker";
import { countedObjects, countType, objectName, type TypeCounts } from "./redis.backup-read";
import type { BackupOrigin } from "./redis.backup-source";
import { libraryOf } from "./redis.functions";
import type { RdbEntry, RdbFacts, RdbVisitor } from "./redis.rdb-walk";

export const RDB_FORMAT = "redis-rdb";
/** The manifest's name of the function libraries, which belong to the server and to no logical database. */
export const FUNCTIONS_OBJECT = "functions";

const MARKER_NAMES = Object.values(MARKERS).map((name) => Buffer.from(name));
const MARKER_LENGTHS: ReadonlySet<number> = new Set(MARKER_NAMES.map((name) => name.length));

function isMarker(key: Buffer): boolean {
  return MARKER_NAMES.some((name) => name.length === key.length && name.equals(key));
}

interface Tally {
  db: number;
  /** RDB type byte, and the type as the TYPE command names it. */
  byte: number;
  type: string;
  keys: number;
  expiring: number;
  /** Of keys and values in the file. */
  bytes: number;
}

/** Counts an RDB as it is walked. */
export class RdbCounter implements RdbVisitor {
  readonly wantsBodies = false;
  readonly keyLengths = MARKER_LENGTHS;
  /** Logical databases that stand aside for a restore's undo: not what is backed up, though in the file. */
  readonly aside = new Set<number>();
  readonly #tallies = new Map<string, Tally>();
  /** Neighbours are mostly alike. */
  #last: Tally | null = null;

  leave(entry: RdbEntry, type: string, bytes: number): void {
    if (isMarker(entry.key)) this.aside.add(entry.db);
    let tally = this.#last;
    if (tally === null || tally.byte !== entry.type || tally.db !== entry.db || tally.type !== type) tally = this.#tallyOf(entry, type);
    tally.keys += 1;
    tally.bytes += bytes;
    if (entry.expiresAtMs !== null) tally.expiring += 1;
  }

  get tallies(): Tally[] {
    const counted = [...this.#tallies.values()].filter(({ db }) => !this.aside.has(db));
    return counted.sort((a, b) => a.db - b.db || a.byte - b.byte);
  }

  #tallyOf({ db, type: byte }: RdbEntry, type: string): Tally {
    const name = `${db} ${byte} ${type}`;
    const tally = this.#tallies.get(name) ?? { db, byte, type, keys: 0, expiring: 0, bytes: 0 };
    this.#tallies.set(name, tally);
    this.#last = tally;
    return tally;
  }
}

/** What a walked RDB holds, by the manifest's names. */
export function rdbObjects({ functions }: RdbFacts, counter: RdbCounter): ManifestObject[] {
  const counts: TypeCounts = new Map();
  const bytes = new Map<string, number>();
  for (const tally of counter.tallies) {
    const name = objectName(tally.db, tally.type);
    countType(counts, tally.db, tally.type, tally.keys);
    bytes.set(name, (bytes.get(name) ?? 0) + tally.bytes);
  }
  const objects: ManifestObject[] = countedObjects(counts).map(({ name, count }) => ({
    name,
    kind: "keys",
    count,
    bytes: bytes.get(name) ?? null,
    checksum: null,
  }));
  if (functions.length === 0) return objects;
  const functionBytes = functions.reduce((sum, source) => sum + source.length, 0);
  return [...objects, { name: FUNCTIONS_OBJECT, kind: "functions", count: functions.length, bytes: functionBytes, checksum: null }];
}

interface Walked {
  facts: RdbFacts;
  counter: RdbCounter;
  server: { product: string; version: string };
  tool: string;
  evictionPolicy: string | null;
}

export function rdbContent({ facts, counter, server, tool, evictionPolicy }: Walked): ManifestContent {
  const keys = sumBy(counter.tallies, (tally) => tally.keys);
  return {
    format: RDB_FORMAT,
    server,
    source: [...keys.keys()].map((db) => `db${db}`).join(", ") || "all logical databases, empty",
    tool,
    consistency: "snapshot",
    objects: rdbObjects(facts, counter),
    skipped: [
      ...[...counter.aside].map((db) => ({ name: `db${db}`, reason: "it stands aside for the undo of a restore" })),
      ...facts.moduleAux.map((type) => ({
        name: `data of the module of ${type}`,
        reason: "it belongs to no key: only a server that loads this file itself gets it back",
      })),
    ],
    details: {
      rdbVersion: facts.magic.version,
      rdbFamily: facts.magic.family,
      hasChecksum: facts.hasChecksum,
      evictionPolicy,
      databases: asJson(keys),
      aside: [...counter.aside],
      expiring: asJson(sumBy(counter.tallies, (tally) => tally.expiring)),
      libraries: facts.functions.map(libraryOf),
      encodings: Object.fromEntries([...keys.keys()].map((db) => [String(db), encodingsOf(counter.tallies, db)])),
      memoryBytes: memoryOf(facts, counter.tallies),
    },
  };
}

/** How many values of each RDB type byte: what a server must know to hold them. */
function encodingsOf(tallies: Tally[], db: number): Record<string, number> {
  const encodings: Record<string, number> = {};
  for (const tally of tallies) if (tally.db === db) encodings[tally.byte] = (encodings[tally.byte] ?? 0) + tally.keys;
  return encodings;
}

/** What the keys need in memory: what the server used, shared out by the bytes in the file. Null where the file does not say. */
function memoryOf({ aux }: RdbFacts, tallies: Tally[]): Record<string, number | null> {
  const used = Number(aux.get("used-mem") ?? Number.NaN);
  const bytes = sumBy(tallies, (tally) => tally.bytes);
  const all = [...bytes.values()].reduce((sum, one) => sum + one, 0);
  return Object.fromEntries([...bytes].map(([db, one]) => [String(db), Number.isFinite(used) && all > 0 ? Math.round((used * one) / all) : null]));
}

function sumBy(tallies: Tally[], figure: (tally: Tally) => number): Map<number, number> {
  const sums = new Map<number, number>();
  for (const tally of tallies) sums.set(tally.db, (sums.get(tally.db) ?? 0) + figure(tally));
  return sums;
}

function asJson(figures: Map<number, number>): Record<string, number> {
  return Object.fromEntries([...figures].map(([db, figure]) => [String(db), figure]));
}

/** What a restore must know of an RDB, from its manifest alone. */
export function rdbOrigin({ server, details }: ManifestContent): BackupOrigin {
  const found = RdbDetails.parse(details);
  const databases = Object.keys(found.databases).map(Number);
  const rdbVersion = databases.length === 0 ? null : found.rdbVersion;
  return { product: server.product, serverVersion: server.version, rdbVersion, libraries: found.libraries, databases, isSnapshot: true, isPortable: false };
}

export function asideIn(manifest: ManifestContent): number[] {
  return manifest.format === RDB_FORMAT ? RdbDetails.parse(manifest.details).aside : [];
}

/** What this file writes into a manifest's details and others read from it. */
export const RdbDetails = z.object({
  rdbVersion: z.number().int(),
  rdbFamily: z.enum(["Redis", "Valkey"]),
  databases: z.record(z.string(), z.number()),
  aside: z.array(z.number()),
  libraries: z.array(z.string()),
  /** By logical database: how many values of each RDB type byte. */
  encodings: z.record(z.string(), z.record(z.string(), z.number())),
});
