import "server-only";
import type { z } from "zod";
import type { Artefact, Peek, PlanCheck, RestoreTarget, Staged } from "@/backups/engine";
import { formatBytes } from "@/lib/format";
import { AppError } from "@/server/errors";
import { readHeader } from "./redis.backup-read";
import type { CommandLine, RedisClient } from "./redis.client";
import { redisError } from "./redis.errors";
import { byName, dumpedSources, LIBRARIES_BYTES_MAX, librariesBytes, libraryOf, readLibraries, whyRefused, type Libraries } from "./redis.functions";
import { PORTABLE_FORMAT } from "./redis.portable-format";
import { FUNCTIONS_OBJECT, RDB_FORMAT } from "./redis.rdb-content";
import { RdbWalker } from "./redis.rdb-walk";

type Asked = Pick<RestoreTarget, "replace" | "objects">;

/**
 * Function libraries belong to the whole server. A restore into a new place adds those it lacks when it is kept, and never changes
 * one. In the place of live data those of the backup come with the swap; libraries that the backup does not hold stay either way.
 */
export interface StagedFunctions {
  objects: Staged["objects"];
  skipped: Staged["skipped"];
  /** Of the backup by name: not on the server yet, there with other code, there with the same. */
  added: string[];
  replaced: string[];
  same: string[];
  /** Names on the server that the backup does not hold. */
  others: string[];
  /** What is to come with the swap; nothing for a new place. */
  toSwap: Libraries;
  /** Adds what is missing in a new place: all of it, or nothing. */
  load(client: RedisClient): Promise<void>;
}

const NONE: StagedFunctions = { objects: [], skipped: [], added: [], replaced: [], same: [], others: [], toSwap: new Map(), load: async () => undefined };

/** Which libraries of the backup the server has, lacks, or has under the same name with other code, and what becomes of them. Changes nothing. */
export async function stageFunctions(artefact: Artefact, target: Asked, client: RedisClient): Promise<StagedFunctions> {
  const sources = await askedSources(artefact, target);
  if (sources.size === 0) return NONE;
  const isCounted = artefact.manifest.objects.some(({ name }) => name === FUNCTIONS_OBJECT);
  const counted = (count: number): Staged["objects"] => (isCounted ? [{ name: FUNCTIONS_OBJECT, count }] : []);
  const live = await readLibraries(client);
  if (typeof live === "string") return { ...NONE, skipped: [skip([...sources.keys()], live)] };
  const found = compareNames(sources, live);
  const refused = target.replace ? await whyNotSwapped(client, { sources, live }) : null;
  const leftOut = refused === null ? (target.replace ? [] : found.replaced) : [...found.added, ...found.replaced];
  const reason = refused ?? "the server has other code under the same name";
  const loaded = [...sources].filter(([name]) => !target.replace && found.added.includes(name)).map(([, source]) => source);
  return {
    objects: counted(sources.size - leftOut.length),
    skipped: leftOut.length === 0 ? [] : [skip(leftOut, reason)],
    ...found,
    added: refused === null ? found.added : [],
    replaced: refused === null && target.replace ? found.replaced : [],
    toSwap: target.replace && refused === null ? sources : new Map(),
    load: (loader) => loadAll(loader, loaded),
  };
}

function compareNames(sources: Libraries, live: Libraries): Pick<StagedFunctions, "added" | "replaced" | "same" | "others"> {
  const names = [...sources.keys()];
  const isSame = (name: string) => live.get(name)?.equals(sources.get(name) ?? Buffer.alloc(0)) === true;
  return {
    added: names.filter((name) => !live.has(name)),
    replaced: names.filter((name) => live.has(name) && !isSame(name)),
    same: names.filter(isSame),
    others: [...live.keys()].filter((name) => !sources.has(name)),
  };
}

/** In words why they cannot come with a swap; null when they can. */
async function whyNotSwapped(client: RedisClient, { sources, live }: { sources: Libraries; live: Libraries }): Promise<string | null> {
  const after = new Map([...live, ...sources]);
  const bytes = Math.max(librariesBytes(live), librariesBytes(after));
  if (bytes > LIBRARIES_BYTES_MAX) return `with ${formatBytes(bytes)} there is more of them than is kept for undo (${formatBytes(LIBRARIES_BYTES_MAX)})`;
  return whyRefused(client, after);
}

/** What a restore would do with the functions of a backup. */
export async function checkFunctions(artefact: Artefact, target: Asked, client: RedisClient): Promise<z.infer<typeof PlanCheck>[]> {
  const { added, replaced, same, others, skipped, objects } = await stageFunctions(artefact, target, client);
  if (objects.length + skipped.length + added.length + replaced.length + same.length === 0) return [];
  const words = [
    ...(same.length > 0 ? [`${names(same)} on the server already`] : []),
    ...(added.length > 0 ? [`${names(added)} will be ${target.replace ? "added" : "loaded when everything else is restored"}`] : []),
    ...(replaced.length > 0 ? [`${names(replaced)} will be replaced: the server has other code under the same name`] : []),
    ...(target.replace && others.length > 0 ? [`${names(others)} not in the backup, left alone`] : []),
    ...skipped.map(({ reason }) => `left out: ${reason}`),
  ];
  const undo = target.replace && added.length + replaced.length > 0 ? " Undo brings back exactly the libraries of before." : "";
  const isToKnow = skipped.length > 0 || replaced.length > 0;
  return [{ result: isToKnow ? "warn" : "pass", title: "Functions", detail: `${words.join("; ")}. Functions belong to the whole server.${undo}` }];
}

/** Libraries of the server now, and after live data is replaced. */
export async function countFunctions(artefact: Artefact, client: RedisClient): Promise<{ liveNow: number | null; after: number | null }> {
  const live = await readLibraries(client);
  if (typeof live === "string") return { liveNow: null, after: null };
  const { added } = await stageFunctions(artefact, { replace: true }, client);
  return { liveNow: live.size, after: live.size + added.length };
}

const NAMED_MAX = 20;

function names(all: string[]): string {
  const more = all.length - NAMED_MAX;
  return all.slice(0, NAMED_MAX).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

function skip(libraries: string[], reason: string): Staged["skipped"][number] {
  return { name: FUNCTIONS_OBJECT, count: libraries.length, reason: `${names(libraries)}: ${reason}` };
}

/** What is to be restored. A portable backup only names them. */
async function askedSources(artefact: Artefact, { objects }: Asked): Promise<Libraries> {
  const { format } = artefact.manifest;
  const isAsked = format === PORTABLE_FORMAT ? false : (objects?.includes(FUNCTIONS_OBJECT) ?? true);
  return isAsked ? byName(await readFunctions(artefact)) : new Map();
}

/** Sources of the libraries in a backup. They stand before the keys, so this reads only the beginning. */
async function readFunctions(artefact: Artefact): Promise<Buffer[]> {
  if (artefact.manifest.format === RDB_FORMAT) return artefact.manifest.objects.some(({ name }) => name === FUNCTIONS_OBJECT) ? readRdbFunctions(artefact) : [];
  const { functions } = await readHeader(artefact);
  return functions === null ? [] : dumpedSources(Buffer.from(functions, "base64"));
}

async function readRdbFunctions(artefact: Pick<Artefact, "open">): Promise<Buffer[]> {
  let hasKeys = false;
  const walker = new RdbWalker({ wantsBodies: false, leave: () => (hasKeys = true) });
  const source = artefact.open();
  try {
    for await (const chunk of source) {
      walker.push(chunk as Buffer);
      if (hasKeys) break;
    }
    return walker.functions;
  } finally {
    source.destroy();
  }
}

/** The libraries of an RDB, to look at. */
export async function peekFunctions(artefact: Artefact, { limit }: { limit: number }): Promise<Peek> {
  const sources = await readRdbFunctions(artefact);
  const rows = sources.slice(0, limit).map((source) => [libraryOf(source), cutText(source.toString("utf8"))]);
  return { columns: ["library", "code"], rows, hasMore: sources.length > limit };
}

const CELL_CHARACTERS_MAX = 500;

function cutText(text: string): string {
  return text.length > CELL_CHARACTERS_MAX ? `${text.slice(0, CELL_CHARACTERS_MAX)}…` : text;
}

async function loadAll(client: RedisClient, sources: Buffer[]): Promise<void> {
  const loaded: string[] = [];
  for (const source of sources) {
    const [reply] = await client.run([["FUNCTION", "LOAD", source]]);
    if (!(reply instanceof Error)) {
      loaded.push(libraryOf(source));
      continue;
    }
    await client.run(loaded.map((name): CommandLine => ["FUNCTION", "DELETE", name]));
    throw new AppError("CONFLICT", `${client.address} does not take the function library ${libraryOf(source)} of the backup`, {
      fix: "Choose the objects to restore, without the functions.",
      detail: redisError(reply, client).detail ?? "",
      cause: reply,
    });
  }
}
