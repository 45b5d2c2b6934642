import "server-only";
import type { RestorePlan } from "@/backups/engine";
import { roomBytes } from "@/backups/room";
import { makeStore } from "@/backups/store";
import { formatBytes, formatCount, formatDuration } from "@/lib/format";
import { checkMemory, restoreWords, type Check, type Situation } from "./redis.backup-checks";
import { databaseCounts, infoNumber } from "./redis.server-facts";
import { estimateBytes } from "./redis.swap-size";

/** What a plan says of one of the ways to replace live data. */
export interface WayPlan extends Pick<RestorePlan, "way" | "steps" | "undo"> {
  checks(): Promise<Check[]>;
}

interface InPlace extends Situation {
  lives: number[];
  /** Why it has to be done in this way. */
  because: string;
  /** What would make it one step. */
  remedy: string;
  /** Keys that are live in those databases. */
  items: number;
}

/** Replacing key by key, and what that way cannot promise. */
export function inPlacePlan(situation: InPlace): WayPlan {
  const { lives, because, connection } = situation;
  const places = lives.map((db) => `db${db}`).join(", ");
  return {
    way: `in place, key by key, because ${because}`,
    checks: async () => [
      checkHalfDone(situation, places),
      await checkRoom(situation),
      ...checkMemory(situation, {
        freed: Math.max(0, (estimateBytes(situation.info, lives) ?? 0) - overheadBytes(situation)),
        whenEvicted: "the live state is put back, without what the server removes while that goes on",
      }),
      ...checkBlocked(situation),
      ...checkPersistence(situation),
    ],
    steps: [
      {
        title: "Copy the live state",
        detail: `Back up what ${connection.address} holds now into the console's data directory, read it back whole and sync it. ${places} is not touched until that stands.`,
      },
      {
        title: "Replace",
        detail: `UNLINK what is live in ${places} and not in the backup, then ${replaceWords(situation)}. What has expired is left out and counted. Databases of which the backup holds no keys are left alone.`,
      },
      {
        title: "Compare",
        detail: `Count the keys by type and look for evictions. If keys are missing, or anything fails, ${places} is put back from the copy in the same way; after a crash that happens when the console runs again.`,
      },
      { title: "Keep", detail: "The copy stays for undo until it is dropped." },
    ],
    undo: {
      how: "the live state from before is kept as a file in the console's data directory, and is put back key by key; what is live by then is copied first",
      bytes: copyBytes(situation),
    },
  };
}

/** What the server holds of commands that are under way. */
const UNDER_WAY_BYTES = 8 * 1024 * 1024;

/** A snapshot makes the server keep a backlog for its replicas, and all that is written goes through it. */
function overheadBytes({ info }: InPlace): number {
  const backlog = infoNumber(info, "repl_backlog_size") ?? 0;
  return UNDER_WAY_BYTES + Math.max(0, backlog - (infoNumber(info, "mem_replication_backlog") ?? 0));
}

const replaceWords = (situation: InPlace): string =>
  restoreWords(situation)
    .replace(/^RESTORE each key/, "RESTORE ... REPLACE each key")
    .replace(/^Write each key/, "write each key aside, RENAME it over the live one,");

function checkHalfDone({ because, remedy, items, artefact }: InPlace, places: string): Check {
  const keys = items + artefact.manifest.objects.reduce((sum, { count }) => sum + (count ?? 0), 0);
  const duration = formatDuration(secondsFor(keys, artefact.bytes));
  return {
    result: "warn",
    title: "Not in one step",
    detail: `Databases cannot be exchanged here: ${because}. For about ${duration} clients see ${places} half old and half new. What they write to a key before it is replaced is lost, and what they write after stays if the restore succeeds. If it fails, or the console or the server crashes, all that they wrote in ${places} until the live state is put back is lost. Stop them if that matters, also because a key that they delete meanwhile counts as missing, and the live state is then put back. To have it in one step: ${remedy}.`,
  };
}

/** Measured on two busy cores, over loopback: 130,000 small keys a second are removed, replaced and counted. */
const KEYS_PER_SECOND = 100_000;
const BYTES_PER_SECOND = 60e6;

function secondsFor(keys: number, bytes: number): number {
  return Math.max(1, Math.ceil(keys / KEYS_PER_SECOND + bytes / BYTES_PER_SECOND));
}

/** A snapshot holds all logical databases. Values pack, so this is the most. */
function copyBytes({ info }: InPlace): number | null {
  const databases = databaseCounts(info).map(({ db }) => db);
  return infoNumber(info, "used_memory_dataset") === null ? null : estimateBytes(info, databases);
}

async function checkRoom(situation: InPlace): Promise<Check> {
  await makeStore();
  const [room, needed] = [await roomBytes(), copyBytes(situation)];
  const words = `The copy of the live state needs ${needed === null ? "room that is not known" : `at most about ${formatBytes(needed)}`}; ${formatBytes(room)} are free in the console's data directory.`;
  if (needed !== null && needed > room) return { result: "fail", title: "Room for the safety copy", detail: words };
  return { result: needed === null ? "warn" : "pass", title: "Room for the safety copy", detail: words };
}

function checkBlocked({ info }: InPlace): Check[] {
  const blocked = infoNumber(info, "blocked_clients") ?? 0;
  if (blocked === 0) return [];
  return [
    {
      result: "warn",
      title: "Blocked clients",
      detail: `${formatCount(blocked)} clients wait for keys: they are served as soon as such a key is there, and what they take counts as missing.`,
    },
  ];
}

function checkPersistence({ info, connection }: InPlace): Check[] {
  if (infoNumber(info, "aof_enabled") === 1) return [];
  const detail = `${connection.address} keeps no log of its writes (appendonly). Where it has save points it is made to save (BGSAVE) before the restore, an undo or a put-back counts as done; what breaks off before is put back. Where it never saves, or may not be made to (the log says so), it comes back from a crash with what it saved last, perhaps half of either state: after a restore undo then still brings back the state from before, after an undo or a put-back nothing does.`;
  return [{ result: "warn", title: "Saves now and then", detail }];
}
