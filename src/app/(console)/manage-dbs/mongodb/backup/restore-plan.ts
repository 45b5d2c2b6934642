import "server-only";

import type { Document, MongoClient } from "mongodb";

import { serverKind, type ServerKind } from "@/app/(console)/manage-dbs/mongodb/backup/backup-source";
import { FORMAT_WORDS } from "@/app/(console)/manage-dbs/mongodb/backup/formats";
import { planReplace, replaceNameCheck } from "@/app/(console)/manage-dbs/mongodb/backup/swap-plan";
import { rightsCheck } from "@/app/(console)/manage-dbs/mongodb/backup/restore-rights";
import { withClient } from "@/app/(console)/manage-dbs/mongodb/mongodb.client";
import { attempt, numberOf } from "@/app/(console)/manage-dbs/mongodb/mongodb.figures";
import type { Artefact, ManifestContent, PlanCheck, RestorePlan, RestoreTarget } from "@/backups/engine";
import { formatBytes, formatCount } from "@/lib/format";
import type { Connection } from "@/server/connection";
import { AppError, throwIfCancelled } from "@/server/errors";

type Check = ReturnType<typeof PlanCheck.parse>;

const RESERVED = new Set(["admin", "config", "local"]);
/** Documents, indexes and the space a storage engine needs to move in. */
const SPACE_FACTOR = 1.5;

/** What a restore would do: into a new database, or in the place of the connection's own. Changes nothing. */
export async function planRestore(
  artefact: Artefact,
  connection: Connection,
  target: RestoreTarget,
  context: { signal?: AbortSignal | undefined },
): Promise<RestorePlan> {
  const { manifest } = artefact;
  throwIfCancelled(context.signal);
  const chosen = target.objects ? new Set(target.objects) : null;
  const objects = manifest.objects.filter((object) => chosen === null || chosen.has(object.name));
  const bytes = objects.reduce((sum, object) => sum + (object.bytes ?? 0), 0);
  const named = target.replace ? replaceNameCheck(connection, target.name) : nameCheck(target.name);
  const plan: RestorePlan = {
    target: target.name,
    way: target.replace ? "swap: collections are restored aside, then exchanged by renaming" : "new database",
    objects: objects.map((object) => ({ name: object.name, kind: object.kind, inBackup: object.count, liveNow: null, after: object.count })),
    checks: [formatCheck(manifest), named, ...chosenChecks(manifest, chosen)],
    bytesNeeded: Math.ceil(bytes * SPACE_FACTOR),
    steps: stepsOf(target, connection),
  };
  if (named.result !== "pass") return plan;
  await withClient(connection, `${target.name}: plan the restore`, async (client) => {
    const checks = await liveChecks(client, { manifest: { ...manifest, objects }, target, bytes });
    const replaced = target.replace ? await planReplace(client, { connection, target, objects }) : null;
    Object.assign(plan, replaced, { checks: [...plan.checks, ...checks, ...(replaced?.checks ?? [])] });
  });
  return plan;
}

function stepsOf(target: RestoreTarget, connection: Connection): RestorePlan["steps"] {
  const aside = [
    { title: "Read the file whole", detail: "Structure, checksum of every collection and counts, before the first write" },
    { title: "Restore aside", detail: `Collections named __restore_… in ${target.name}, documents as raw bytes, validation bypassed, indexes last` },
    { title: "Compare", detail: "Every document is read back; number and content must equal the archive" },
  ];
  if (!target.replace) {
    return [...aside, { title: "Keep", detail: `Collections get their names, views are made last; ${connection.address} keeps everything it had` }];
  }
  return [
    ...aside,
    {
      title: "Swap",
      detail:
        "A journal is written; live collections are renamed to __before_…, restored ones to their names, views dropped and made. A crash is rolled forward or back",
    },
    { title: "Keep for undo", detail: "What was live stays aside, whole; undo renames it back" },
  ];
}

/** What was asked for must be in the backup; a view is of little use without what it reads. */
function chosenChecks(manifest: ManifestContent, chosen: ReadonlySet<string> | null): Check[] {
  if (chosen === null) return [];
  const title = "Chosen collections";
  const known = new Set(manifest.objects.map((object) => object.name));
  const unknown = [...chosen].filter((name) => !known.has(name));
  if (unknown.length > 0) return [{ result: "fail", title, detail: `The backup does not hold ${unknown.slice(0, 3).join(", ")}` }];
  const views = manifest.objects.filter((object) => object.kind === "view" && chosen.has(object.name)).map((object) => object.name);
  const detail = `${formatCount(chosen.size)} of ${formatCount(known.size)}; the others are not touched`;
  return views.length > 0
    ? [{ result: "warn", title, detail: `${detail}. ${views.slice(0, 3).join(", ")} read from other collections, which must be there` }]
    : [{ result: "pass", title, detail }];
}

/** Before anything is asked of the server: names MongoDB refuses, and databases that are its own. */
function nameCheck(name: string): Check {
  const title = "Name of the new database";
  if (RESERVED.has(name.toLowerCase())) return { result: "fail", title, detail: `${name} belongs to the server itself` };
  if (/[/\\. "$*<>:|?\0]/.test(name)) return { result: "fail", title, detail: 'A name holds none of / \\ . space " $ * < > : | ?' };
  if (Buffer.byteLength(name) > 63) return { result: "fail", title, detail: "A name has at most 63 bytes" };
  return { result: "pass", title, detail: name };
}

/** For stage, which may be called without a plan. @throws AppError INVALID for a name that cannot be restored into */
export function assertTargetName(name: string): void {
  const check = nameCheck(name);
  if (check.result !== "pass") throw new AppError("INVALID", `${JSON.stringify(name)} cannot be the name of the new database`, { fix: `${check.detail}.` });
}

function formatCheck(manifest: ManifestContent): Check {
  const words = FORMAT_WORDS.get(manifest.format);
  return words
    ? { result: "pass", title: "Format of the backup", detail: words }
    : { result: "fail", title: "Format of the backup", detail: `${manifest.format} is not a MongoDB archive` };
}

async function liveChecks(client: MongoClient, plan: { manifest: ManifestContent; target: RestoreTarget; bytes: number }): Promise<Check[]> {
  const { manifest, bytes } = plan;
  const target = plan.target.name;
  const [server, rights] = [await serverKind(client), await rightsCheck(client, target)];
  const space = await spaceCheck(client, { target, bytes });
  // Whoever may do nothing there may not even look whether it is taken.
  const taken = plan.target.replace || rights.result === "fail" ? [] : [await takenCheck(client, target)];
  return [
    ...taken,
    rights,
    writableCheck(server),
    versionCheck(server, manifest),
    ...keptCheck(server, manifest),
    ...nameLengthCheck({ manifest, target }),
    space,
  ];
}

async function takenCheck(client: MongoClient, target: string): Promise<Check> {
  const title = "Target is new";
  const names = (await client.db(target).listCollections({}, { nameOnly: true }).toArray()).map((entry) => entry.name);
  if (names.length > 0) {
    return {
      result: "fail",
      title,
      detail: `${target} exists with ${formatCount(names.length)} collections (${names.slice(0, 3).join(", ")}${names.length > 3 ? ", …" : ""}): choose a name that is free`,
    };
  }
  return { result: "pass", title, detail: `There is no database ${target} yet` };
}

function writableCheck({ hello }: ServerKind): Check {
  const title = "Server takes writes";
  return hello["isWritablePrimary"] === true
    ? { result: "pass", title, detail: "primary" }
    : { result: "fail", title, detail: "This server is a secondary or read-only: connect to the primary" };
}

function versionCheck(server: ServerKind, manifest: ManifestContent): Check {
  const title = "Version";
  const from = typeof manifest.details["mongoVersion"] === "string" ? manifest.details["mongoVersion"] : manifest.server.version;
  const detail = `backup from ${manifest.server.product} ${manifest.server.version}, this is ${server.product.product} ${server.product.version}`;
  if (manifest.server.product !== server.product.product)
    return { result: "warn", title, detail: `${detail}: another product may not keep every option and index` };
  if (Number.parseInt(from, 10) > Number.parseInt(server.mongoVersion, 10))
    return { result: "warn", title, detail: `${detail}: an older server may not know every option and index` };
  return { result: "pass", title, detail };
}

function keptCheck(server: ServerKind, manifest: ManifestContent): Check[] {
  const special = manifest.objects.filter((object) => object.kind !== "collection");
  if (special.length === 0 || server.product.product !== "FerretDB") return [];
  return [
    {
      result: "warn",
      title: "Views and time series",
      detail: `FerretDB does not keep ${special
        .map((object) => object.name)
        .slice(0, 5)
        .join(", ")}: views are left out and named in the result`,
    },
  ];
}

function nameLengthCheck({ manifest, target }: { manifest: ManifestContent; target: string }): Check[] {
  const long = manifest.objects.filter((object) => Buffer.byteLength(`${target}.${object.name}`) > 255);
  return long.length === 0
    ? []
    : [
        {
          result: "fail",
          title: "Length of names",
          detail: `${target}.${long[0]?.name} is longer than the 255 bytes a server takes: choose a shorter database name`,
        },
      ];
}

/** Only real servers report their disk. */
async function spaceCheck(client: MongoClient, plan: { target: string; bytes: number }): Promise<Check> {
  const title = "Space";
  const stats: Document | null = await attempt(client.db(plan.target).command({ dbStats: 1 }));
  const total = numberOf(stats?.["fsTotalSize"]);
  const used = numberOf(stats?.["fsUsedSize"]);
  const needed = Math.ceil(plan.bytes * SPACE_FACTOR);
  if (!total || used === null) return { result: "warn", title, detail: `about ${formatBytes(needed)} needed; this server does not report its free space` };
  const free = total - used;
  return { result: free > needed ? "pass" : "fail", title, detail: `about ${formatBytes(needed)} needed, ${formatBytes(free)} free` };
}
