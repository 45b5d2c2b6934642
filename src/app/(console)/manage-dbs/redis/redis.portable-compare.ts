import "server-only";
import type { Artefact, JobContext } from "@/backups/engine";
import { formatCount } from "@/lib/format";
import { comparePlaces, different, REMAINING_SLACK_MS, type Comparison, type StagedPlace } from "./redis.backup-content";
import type { Claim } from "./redis.backup-marker";
import { isSent } from "./redis.backup-remove";
import { PortableDigest } from "./redis.portable-digest";
import { portableBytes, type PortableRecord } from "./redis.portable-format";
import { readPortable } from "./redis.portable-read";
import { askFieldExpiries, newTally, readKeys, type PortableScan } from "./redis.portable-scan";
import { speaks } from "./redis.server-facts";
import { serverTimeMs } from "./redis.time";

const GROUP_KEYS = 250;
const GROUP_BYTES = 4 * 1024 * 1024;

interface Place {
  scan: PortableScan;
  claim: Claim;
  /** PEXPIRETIME exists. */
  saysExpiry: boolean;
  /** Both servers count what was ever added to a stream. */
  withCounters: boolean;
}

/** What the backup says of one key. */
interface Wanted {
  record: PortableRecord;
  digest: string;
}

interface Tally {
  equal: number;
  expired: number;
}

/**
 * Compares every key of a staged copy with the portable backup: a SHA-256 of each element, and the expiry. Big keys are read in parts
 * on both sides, small ones many at a time.
 * @throws CONFLICT naming the first key that differs
 */
export async function comparePortable(comparison: Comparison, staged: StagedPlace[]): Promise<{ method: string }> {
  const { artefact, context } = comparison;
  const tally: Tally = { equal: 0, expired: 0 };
  await comparePlaces<Place>(comparison, staged, {
    async open(client, { db, claim }) {
      const facts = await client.facts();
      const hasFieldExpiries = await askFieldExpiries(client);
      const scan: PortableScan = { client, facts, hasFieldExpiries, db, signal: context.signal, tally: newTally() };
      return { scan, claim, saysExpiry: speaks(facts, 7), withCounters: speaks(facts, 7) && countsEntries(artefact) };
    },
    async compare(places) {
      await compareAll({ artefact, context, places, tally });
      return tally.equal + tally.expired;
    },
  });
  const expired = tally.expired > 0 ? `, ${formatCount(tally.expired)} expired meanwhile` : "";
  return { method: `SHA-256 of each element, and the expiry, of ${formatCount(tally.equal)} keys${expired}` };
}

/** Redis from 7.0 on, and every Valkey. */
function countsEntries({ manifest }: Artefact): boolean {
  return manifest.server.product === "Valkey" || Number(manifest.server.version.split(".")[0]) >= 7;
}

/** Keys that are compared together. */
interface Group {
  wanted: Wanted[];
  /** What the server will have to answer. */
  bytes: number;
  /** Fields of hashes that expire before it are left out: they may be gone on one side and not yet on the other. */
  horizonMs: bigint;
  /** Of the key that is being read. */
  digest: PortableDigest;
}

const HORIZON_MS = 60_000n;

async function compareAll({
  artefact,
  context,
  places,
  tally,
}: {
  artefact: Artefact;
  context: JobContext;
  places: Map<number, Place>;
  tally: Tally;
}): Promise<void> {
  const groups = new Map<Place, Group>();
  const flush = async (place: Place, group: Group) => {
    groups.delete(place);
    await compareGroup(place, group, tally);
    context.progress({ itemsDone: tally.equal + tally.expired });
  };
  for await (const records of readPortable(artefact, { signal: context.signal, onBytes: (bytesDone) => context.progress({ bytesDone }) })) {
    for (const record of records) {
      const place = places.get(record.db);
      if (!place || !isSent(record, place.claim)) continue;
      const group = groups.get(place) ?? (await newGroup(place));
      groups.set(place, group);
      if (record.isFirst) group.digest = new PortableDigest(digestOptions(place, group));
      group.digest.add(record);
      group.bytes += portableBytes(record);
      if (!record.isLast) continue;
      // What waits is the name and the digest.
      group.wanted.push({ record: { ...record, elements: [], stream: null }, digest: group.digest.value });
      if (group.wanted.length >= GROUP_KEYS || group.bytes >= GROUP_BYTES) await flush(place, group);
    }
  }
  for (const [place, group] of [...groups]) await flush(place, group);
}

async function newGroup(place: Place): Promise<Group> {
  const horizonMs = (await serverTimeMs(place.scan.client)) + HORIZON_MS;
  return { wanted: [], bytes: 0, horizonMs, digest: new PortableDigest({ nowMs: horizonMs, withCounters: place.withCounters }) };
}

const digestOptions = ({ withCounters }: Place, { horizonMs }: Group) => ({ nowMs: horizonMs, withCounters });

async function compareGroup(place: Place, group: Group, tally: Tally): Promise<void> {
  const { scan } = place;
  const found = new Map<string, { digest: PortableDigest; record: PortableRecord }>();
  const names = group.wanted.map(({ record }) => record.key);
  for await (const records of readKeys(scan, names)) {
    for (const record of records) {
      const name = record.key.toString("latin1");
      const known = found.get(name) ?? { digest: new PortableDigest(digestOptions(place, group)), record };
      found.set(name, known);
      known.digest.add(record);
    }
  }
  for (const { record, digest } of group.wanted) {
    const live = found.get(record.key.toString("latin1"));
    if (!live) {
      if (record.endsAtMs === null || BigInt(record.endsAtMs) > (await serverTimeMs(scan.client))) throw different(scan.client, record, "is missing");
      tally.expired += 1;
      continue;
    }
    if (live.record.type !== record.type) throw different(scan.client, record, `is a ${live.record.type} instead of a ${record.type}`);
    if (!isExpiryEqual(record, live.record, place)) throw different(scan.client, record, "expires at another time");
    if (live.digest.value !== digest) throw different(scan.client, record, "has another value");
    tally.equal += 1;
  }
}

function isExpiryEqual({ expiresAtMs: wanted }: PortableRecord, { expiresAtMs: found }: PortableRecord, { saysExpiry }: Place): boolean {
  if (wanted === null || found === null) return wanted === found;
  const difference = BigInt(wanted) - BigInt(found);
  const slack = saysExpiry ? 0n : REMAINING_SLACK_MS;
  return difference <= slack && difference >= -slack;
}
