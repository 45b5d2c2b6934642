import "server-only";
import { z } from "zod";
import { AppError } from "@/server/errors";
import { formatBytes } from "@/lib/format";
import type { CommandLine, RedisClient } from "./redis.client";
import { errorWord, redisError } from "./redis.errors";
import {
  byName,
  isSameSet,
  LIBRARIES_BYTES_MAX,
  librariesBytes,
  LIST_LIBRARIES,
  listedLibraries,
  readLibraries,
  replaceLibraries,
  type Libraries,
} from "./redis.functions";
import type { Reply } from "./redis.reply";

/**
 * Function libraries of a restore that replaces live data. The server has one set of them and no place aside, so the whole set of
 * either side stands in the journal, and FUNCTION RESTORE ... FLUSH goes into the transaction that exchanges the databases: both
 * come into effect, or neither.
 */
const Sources = z.array(z.base64());
/** Sources of all libraries when that side is live. */
export const KeptLibraries = z.object({ restored: Sources, before: Sources });
export type KeptLibraries = z.infer<typeof KeptLibraries>;
type Side = keyof KeptLibraries;

const packed = (libraries: Libraries): string[] => [...libraries.values()].map((source) => source.toString("base64"));
const unpacked = (sources: string[]): Libraries => byName(sources.map((source) => Buffer.from(source, "base64")));

/** For the first exchange: what is there now, and the same with the backup's. Null when that changes nothing: then no exchange touches them. */
export async function firstLibraries(client: RedisClient, ofBackup: Libraries): Promise<KeptLibraries | null> {
  if (ofBackup.size === 0) return null;
  const before = await liveLibraries(client);
  const restored = new Map([...before, ...ofBackup]);
  return isSameSet(before, restored) ? null : { restored: packed(restored), before: packed(before) };
}

/** For every later one: what is there now is kept instead of what stood there then. */
export async function nextLibraries(client: RedisClient, kept: KeptLibraries | null, goal: Side): Promise<KeptLibraries | null> {
  if (kept === null) return null;
  const live = packed(await liveLibraries(client));
  return goal === "restored" ? { ...kept, before: live } : { ...kept, restored: live };
}

async function listLibraries(client: RedisClient): Promise<Libraries> {
  const live = await readLibraries(client);
  if (typeof live === "string") throw new AppError("FORBIDDEN", `The functions of ${client.address} cannot be exchanged: ${live}`);
  return live;
}

async function liveLibraries(client: RedisClient): Promise<Libraries> {
  const live = await listLibraries(client);
  const bytes = librariesBytes(live);
  if (bytes <= LIBRARIES_BYTES_MAX) return live;
  throw new AppError(
    "LIMIT_EXCEEDED",
    `The function libraries of ${client.address} have grown to ${formatBytes(bytes)}, more than is kept to exchange them back`,
    {
      fix: `Delete some with FUNCTION DELETE: at most ${formatBytes(LIBRARIES_BYTES_MAX)} are kept.`,
    },
  );
}

/** What goes first into the transaction: nothing when both sides have the same. The first reply says what was there. */
export async function libraryCommands(client: RedisClient, kept: KeptLibraries | null, goal: Side): Promise<CommandLine[]> {
  if (kept === null || isSameSet(unpacked(kept.restored), unpacked(kept.before))) return [];
  return [LIST_LIBRARIES, await replaceLibraries(client, unpacked(kept[goal]))];
}

/** Somebody may have loaded one just before the transaction: then that is what is kept. @returns null when it is as was thought */
export function correctedLibraries(kept: KeptLibraries | null, goal: Side, replaced: Reply | undefined): KeptLibraries | null {
  if (kept === null || !Array.isArray(replaced)) return null;
  const side: Side = goal === "restored" ? "before" : "restored";
  const live = listedLibraries(replaced);
  return isSameSet(live, unpacked(kept[side])) ? null : { ...kept, [side]: packed(live) };
}

/** After an exchange whose end was not seen. They went with the databases, unless the server refused just them. */
export async function settleLibraries(
  client: RedisClient,
  { kept, live, log }: { kept: KeptLibraries | null; live: Side; log: (line: string) => void },
): Promise<void> {
  if (kept === null) return;
  // However big they have grown: both sides were small enough to be kept, so then they are somebody else's.
  const found = await listLibraries(client);
  if (isSameSet(found, unpacked(kept[live]))) return;
  const isOther = isSameSet(found, unpacked(kept[live === "restored" ? "before" : "restored"]));
  if (!isOther) return log("the function libraries were changed by somebody else meanwhile, and stay as they are");
  const [reply] = await client.run([await replaceLibraries(client, unpacked(kept[live]))]);
  if (!(reply instanceof Error)) return log("the function libraries were put to the same side");
  // A server that is full, or cannot save, takes them later; what it does not take as code it never will.
  if (errorWord(reply) !== "ERR") throw redisError(reply, { address: client.address, doing: "put the function libraries to the same side" });
  log(`the server does not take the function libraries that belong to it: ${reply.message}`);
}
