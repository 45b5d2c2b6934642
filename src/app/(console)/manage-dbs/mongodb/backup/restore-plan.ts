import "server-only";

import type { Document, MongoClient } from "mongodb";

import { serverKind, type ServerKind } from "@/app/(console)/manage-dbs/mongodb/backup/backup-source";
import { ARCHIVE_FORMAT } from "@/app/(console)/manage-dbs/mongodb/backup/backup-write";
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

/** What restoring into a new database would do. Changes nothing. */
export async function planRestore(
  artefact: Artefact,
  connection: Connection,
  target: RestoreTarget,
  context: { signal?: AbortSignal | undefined },
): Promise<RestorePlan> {
  const { manifest } = artefact;
  throwIfCancelled(context.signal);
  const named = nameCheck(target.name);
  const bytes = manifest.objects.reduce((sum, object) => sum + (object.bytes ?? 0), 0);
  const checks: Check[] = [formatCheck(manifest), named];
  if (named.result === "pass")
    checks.push(
      ...(await withClient(connection, `${target.name}: plan the restore`, (client) => liveChecks(client, { manifest, target: target.name, bytes }))),
    );
  return {
    target: target.name,
    way: "new database",
    objects: manifest.objects.map((object) => ({ name: object.name, kind: object.kind, inBackup: object.count, liveNow: null, after: object.count })),
    checks,
    bytesNeeded: Math.ceil(bytes * SPACE_FACTOR),
    steps: [
      { title: "Read the file whole", detail: "Structure, checksum of every collection and counts, before the first write" },
      { title: "Restore aside", detail: `Collections named __restore_… in ${target.name}, documents as raw bytes, validation bypassed, indexes last` },
      { title: "Compare", detail: "Every document is read back; number and content must equal the archive" },
      { title: "Keep", detail: `Collections get their names, views are made last; ${connection.address} keeps everything it had` },
    ],
  };
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
  return manifest.format === ARCHIVE_FORMAT
    ? { result: "pass", title: "Format of the backup", detail: "mongodump archive, gzip" }
    : { result: "fail", title: "Format of the backup", detail: `${manifest.format} is not a MongoDB archive` };
}

async function liveChecks(client: MongoClient, plan: { manifest: ManifestContent; target: string; bytes: number }): Promise<Check[]> {
  const [server, taken, space] = [await serverKind(client), await takenCheck(client, plan.target), await spaceCheck(client, plan)];
  return [taken, writableCheck(server), versionCheck(server, plan.manifest), ...keptCheck(server, plan.manifest), ...nameLengthCheck(plan), space];
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
