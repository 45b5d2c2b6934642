import "server-only";
import type { z } from "zod";
import type { Artefact, Peek, PlanCheck, RestoreTarget, Staged } from "@/backups/engine";
import { AppError } from "@/server/errors";
import { libraryName } from "./redis.backup-write";
import type { CommandLine, RedisClient } from "./redis.client";
import { redisError } from "./redis.errors";
import { FUNCTIONS_OBJECT, libraryOf, RDB_FORMAT } from "./redis.rdb-content";
import { RdbWalker } from "./redis.rdb-walk";
import { asBuffer, asRecord, type Reply } from "./redis.reply";
import { speaks } from "./redis.server-facts";

/** Function libraries belong to the whole server: a restore adds those it lacks when it is kept, and never changes one. */
export interface StagedFunctions {
  objects: Staged["objects"];
  skipped: Staged["skipped"];
  /** Names of what `load` will add. */
  missing: string[];
  /** Adds what is missing: all of it, or nothing. */
  load(client: RedisClient): Promise<void>;
}

const NONE: StagedFunctions = { objects: [], skipped: [], missing: [], load: async () => undefined };

/** Which libraries of the backup the server has, lacks, or has under the same name with other code. Changes nothing. */
export async function stageFunctions(artefact: Artefact, target: Pick<RestoreTarget, "replace" | "objects">, client: RedisClient): Promise<StagedFunctions> {
  const { manifest } = artefact;
  const isAsked =
    manifest.format === RDB_FORMAT && manifest.objects.some(({ name }) => name === FUNCTIONS_OBJECT) && (target.objects?.includes(FUNCTIONS_OBJECT) ?? true);
  if (!isAsked) return NONE;
  const sources = await readFunctions(artefact);
  const live = await liveLibraries(client);
  if (typeof live === "string") return { ...NONE, skipped: [{ name: FUNCTIONS_OBJECT, count: sources.length, reason: live }] };
  const missing = sources.filter((source) => !live.has(libraryOf(source)));
  const other = sources.filter((source) => live.get(libraryOf(source))?.equals(source) === false);
  const skipped: Staged["skipped"] = other.length > 0 ? [skip(other, "the server has other code under the name")] : [];
  if (target.replace && missing.length > 0)
    skipped.push(
      skip(
        missing,
        "a restore in the place of live data exchanges databases only, and functions belong to the whole server; when it is done add with FUNCTION LOAD",
      ),
    );
  const toLoad = target.replace ? [] : missing;
  const left = skipped.reduce((sum, { count }) => sum + count, 0);
  return {
    objects: [{ name: FUNCTIONS_OBJECT, count: sources.length - left }],
    skipped,
    missing: toLoad.map(libraryOf),
    load: (loader) => loadAll(loader, toLoad),
  };
}

/** What a restore would do with the functions of an RDB. */
export async function checkRdbFunctions(
  artefact: Artefact,
  target: Pick<RestoreTarget, "replace" | "objects">,
  client: RedisClient,
): Promise<z.infer<typeof PlanCheck>[]> {
  const { objects, skipped, missing } = await stageFunctions(artefact, target, client);
  if (objects.length === 0 && skipped.length === 0) return [];
  const title = "Functions";
  const same = (objects[0]?.count ?? 0) - missing.length;
  const words = [
    ...(same > 0 ? [`${same} ${same === 1 ? "library is" : "libraries are"} on the server already`] : []),
    ...(missing.length > 0 ? [`${missing.join(", ")} will be loaded when everything else is restored`] : []),
    ...skipped.map(({ reason }) => `left out: ${reason}`),
  ];
  return [{ result: skipped.length > 0 ? "warn" : "pass", title, detail: `${words.join("; ")}. Functions belong to the whole server.` }];
}

function skip(sources: Buffer[], reason: string): Staged["skipped"][number] {
  return { name: FUNCTIONS_OBJECT, count: sources.length, reason: `${reason} ${sources.map(libraryOf).join(", ")}` };
}

/** Sources of the libraries in an RDB. They stand before the keys, so this reads only the beginning. */
export async function readFunctions(artefact: Pick<Artefact, "open">): Promise<Buffer[]> {
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
  const sources = await readFunctions(artefact);
  const rows = sources.slice(0, limit).map((source) => [libraryOf(source), cutText(source.toString("utf8"))]);
  return { columns: ["library", "code"], rows, hasMore: sources.length > limit };
}

const CELL_CHARACTERS_MAX = 500;

function cutText(text: string): string {
  return text.length > CELL_CHARACTERS_MAX ? `${text.slice(0, CELL_CHARACTERS_MAX)}…` : text;
}

/** Code by name; in words why it cannot be known. */
async function liveLibraries(client: RedisClient): Promise<Map<string, Buffer> | string> {
  const facts = await client.facts();
  if (!speaks(facts, 7)) return `${facts.product} ${facts.version} has no functions`;
  const [list] = await client.run([["FUNCTION", "LIST", "WITHCODE"]]);
  if (!Array.isArray(list)) return "the user of this connection may not list functions";
  return new Map(list.map((library: Reply) => [libraryName(library), asBuffer(asRecord(library).get("library_code"))]));
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
