import "server-only";

import type { Document, MongoClient } from "mongodb";

import { isAside } from "@/app/(console)/manage-dbs/mongodb/backup/aside-names";
import { serverKind, type ServerKind } from "@/app/(console)/manage-dbs/mongodb/backup/backup-source";
import { type CollectionSize, sizesOf, total } from "@/app/(console)/manage-dbs/mongodb/backup/collection-sizes";
import { listStanding, liveOf, type Standing } from "@/app/(console)/manage-dbs/mongodb/backup/swap-look";
import { canRestoreRules } from "@/app/(console)/manage-dbs/mongodb/backup/swap-renames";
import { databaseOf } from "@/app/(console)/manage-dbs/mongodb/mongodb.client";
import { attempt } from "@/app/(console)/manage-dbs/mongodb/mongodb.figures";
import type { ManifestObject, PlanCheck, RestorePlan, RestoreTarget } from "@/backups/engine";
import { formatCount, formatCounted, formatElapsed } from "@/lib/format";
import type { Connection } from "@/server/connection";
import { AppError } from "@/server/errors";
import { LIMITS } from "@/server/limits";

/** What replacing live collections would do. Nothing is tried out: what a server cannot is told from what it says it is. */

type Check = ReturnType<typeof PlanCheck.parse>;

const RESERVED = new Set(["admin", "config", "local"]);

/** Only the connection's own database can be replaced. */
export function replaceNameCheck(connection: Connection, name: string): Check {
  const title = "Database to replace";
  const own = databaseOf(connection);
  if (own === null) return { result: "fail", title, detail: "This connection names no database: set one, then its collections can be replaced" };
  if (RESERVED.has(own.toLowerCase())) return { result: "fail", title, detail: `${own} belongs to the server itself` };
  if (name !== own) return { result: "fail", title, detail: `This connection's database is ${own}: only that can be replaced, not ${name}` };
  return { result: "pass", title, detail: own };
}

/** For stage, which may be called without a plan. @throws AppError INVALID */
export function assertReplaces(connection: Connection, name: string): void {
  const check = replaceNameCheck(connection, name);
  if (check.result === "fail") throw new AppError("INVALID", `${JSON.stringify(name)} cannot be replaced`, { fix: `${check.detail}.` });
}

export interface ReplacePlan {
  checks: Check[];
  objects: RestorePlan["objects"];
  replaces: NonNullable<RestorePlan["replaces"]>;
  undo: NonNullable<RestorePlan["undo"]>;
}

/** @param objects those of the manifest that are to be restored */
export async function planReplace(
  client: MongoClient,
  { connection, target, objects }: { connection: Connection; target: RestoreTarget; objects: ManifestObject[] },
): Promise<ReplacePlan> {
  const db = client.db(target.name);
  const [server, standing] = [await serverKind(client), await listStanding(db)];
  const live = liveOf(standing, target.objects ?? null);
  const collections = live.filter((entry) => entry.kind !== "view");
  const sizes = await sizesOf(
    db,
    collections.map((entry) => entry.name),
  );
  const bytes = total([...sizes.values()].map((size) => size.bytes));
  const asides = [...standing.keys()].filter(isAside);
  return {
    checks: [
      ...renameChecks(server, { live, objects }),
      ...(await shardedCheck(client, { database: target.name, server, live })),
      ...systemCheck(objects),
      ...streamsCheck(server),
      ...(asides.length > 0 ? [asidesCheck(asides)] : []),
      momentCheck({ server, target, live, objects, sizes }),
    ],
    objects: comparedObjects(objects, live, sizes),
    replaces: { place: `database ${target.name} on ${connection.address}`, items: total([...sizes.values()].map((size) => size.count)), bytes, sessions: null },
    undo: {
      how: `the collections replaced stay in ${target.name} as __before_… for ${LIMITS.undoHours} hours, hidden from the console's lists; undo renames them back`,
      bytes,
    },
  };
}

/** Null: it is not there. */
function comparedObjects(objects: ManifestObject[], live: Standing[], sizes: Map<string, CollectionSize>): RestorePlan["objects"] {
  const standing = new Map(live.map((entry) => [entry.name, entry]));
  const inBackup = new Set(objects.map((object) => object.name));
  const liveNow = (name: string) => sizes.get(name)?.count ?? null;
  return [
    ...objects.map(({ name, kind, count }) => {
      const isLeft = name.startsWith("system.");
      return { name, kind, inBackup: count, liveNow: liveNow(name), after: isLeft ? liveNow(name) : count };
    }),
    ...[...standing.values()]
      .filter((entry) => !inBackup.has(entry.name))
      .map(({ name, kind }) => ({ name, kind, inBackup: null, liveNow: liveNow(name), after: null })),
  ];
}

/** What this server is known to lose or to refuse when it renames. */
function renameChecks({ product }: ServerKind, { live, objects }: { live: Standing[]; objects: ManifestObject[] }): Check[] {
  const title = "Every collection can be renamed";
  const restored = objects.filter((object) => object.kind !== "view").map((object) => object.name);
  const names = [...new Set([...live.filter((entry) => entry.kind !== "view").map((entry) => entry.name), ...restored])];
  if (product.product === "FerretDB" || product.product === "DocumentDB") {
    const dotted = names.filter((name) => name.includes("."));
    return dotted.length > 0
      ? [{ result: "fail", title, detail: `${product.product} cannot rename ${few(dotted)}, because of the dot: choose the others, or a new database` }]
      : [{ result: "pass", title, detail: `${formatCount(names.length)} collections` }];
  }
  if (product.product === "SecantusDB") {
    const copied = live.filter((entry) => entry.kind !== "view" && !canRestoreRules(entry)).map((entry) => entry.name);
    const way = copied.length > 0 ? `given back, and ${few(copied)} copied into place for that, incomplete meanwhile` : "given back";
    const detail =
      "SecantusDB moves every document when it renames: the exchange takes as long as that, and a crash of that server in the middle of one rename can lose documents. " +
      `It forgets the options of what it renames; they are ${way}`;
    return [{ result: "warn", title, detail }];
  }
  const series = [
    ...new Set([
      ...live.filter((entry) => entry.kind === "timeseries").map((entry) => entry.name),
      ...objects.filter((object) => object.kind === "timeseries").map((object) => object.name),
    ]),
  ];
  if (series.length > 0)
    return [{ result: "fail", title, detail: `MongoDB cannot rename a time series: ${few(series)}. Choose the other collections, or a new database` }];
  return [{ result: "pass", title, detail: `${formatCount(names.length)} collections` }];
}

const few = (names: readonly string[]): string => `${names.slice(0, 3).join(", ")}${names.length > 3 ? `, … (${formatCount(names.length)})` : ""}`;

/** A restored copy is not sharded: putting it in the place of one that is would move everything to one shard. */
async function shardedCheck(client: MongoClient, of: { database: string; server: ServerKind; live: Standing[] }): Promise<Check[]> {
  if (of.server.hello["msg"] !== "isdbgrid") return [];
  const title = "No sharded collection";
  const sharded: string[] = [];
  for (const { name } of of.live.filter((entry) => entry.kind !== "view")) {
    const stats: Document | null = await attempt(client.db(of.database).command({ collStats: name, maxTimeMS: 3_000 }));
    if (stats?.["sharded"] !== false) sharded.push(name);
  }
  if (sharded.length === 0) return [{ result: "pass", title, detail: "none is sharded" }];
  return [
    { result: "fail", title, detail: `${few(sharded)}: the restored copy would not be sharded, so it cannot take that place. Restore into a new database` },
  ];
}

function systemCheck(objects: ManifestObject[]): Check[] {
  const own = objects.filter((object) => object.name.startsWith("system.")).map((object) => object.name);
  return own.length === 0 ? [] : [{ result: "warn", title: "Collections of the server", detail: `${few(own)} stays as it is: it cannot be renamed` }];
}

function streamsCheck({ hello }: ServerKind): Check[] {
  if (typeof hello["setName"] !== "string" && hello["msg"] !== "isdbgrid") return [];
  return [
    {
      result: "warn",
      title: "Change streams",
      detail: "Streams on these collections end with an invalidate event, as with every rename: consumers must start anew",
    },
  ];
}

const asidesCheck = (asides: string[]): Check => ({
  result: "warn",
  title: "Kept from other restores",
  detail: `${formatCount(asides.length)} collections named __restore_… or __before_… are there; they are left alone`,
});

/** How long one rename may take where it moves no documents: DocumentDB on a busy machine takes 2 to 40 ms. */
const RENAME_MS = 50;
/** SecantusDB moves every document. */
const MOVED_PER_SECOND = 20_000;

/** What those see who read and write meanwhile: no server renames several collections in one transaction. */
function momentCheck(of: {
  server: ServerKind;
  target: RestoreTarget;
  live: Standing[];
  objects: ManifestObject[];
  sizes: Map<string, CollectionSize>;
}): Check {
  const { server, target, live, objects, sizes } = of;
  const leaving = live.filter((entry) => entry.kind !== "view");
  const coming = objects.filter((object) => object.kind !== "view" && !object.name.startsWith("system."));
  const views = new Set([...live, ...objects].filter((entry) => entry.kind === "view").map((entry) => entry.name)).size;
  const renames = leaving.length + coming.length;
  const documents = [...sizes.values()].reduce((sum, size) => sum + (size.count ?? 0), 0) + coming.reduce((sum, object) => sum + (object.count ?? 0), 0);
  const moving = server.product.product === "SecantusDB" ? (documents / MOVED_PER_SECOND) * 1_000 : 0;
  const remade = views > 0 ? `; up to ${formatCounted(views, { one: "view is", many: "views are" })} dropped before and made after` : "";
  return {
    result: "warn",
    title: "The moment of the exchange",
    detail:
      `${formatCounted(renames, { one: "rename", many: "renames" })} one after the other, in all about ${formatElapsed(renames * RENAME_MS + moving)} or less${remade}. They are no transaction: until the last one is done, ` +
      "readers may see some collections restored and some not, one that is between its two renames reads as empty, and cursors that are open end with an error. " +
      `Stop what writes to ${target.name}: a document written to a name while it is free is kept aside, and named in the log`,
  };
}
