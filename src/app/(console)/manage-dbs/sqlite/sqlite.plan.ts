import "server-only";
/** What restoring a SQLite backup would do, and what stands against it. Reads only. */
import { access, constants, statfs, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { Artefact, RestorePlan, RestoreTarget } from "@/backups/engine";
import { liveName } from "@/backups/live-name";
import { chosen } from "@/backups/restores.service";
import { formatBytes, formatCount, formatCounted } from "@/lib/format";
import type { Connection } from "@/server/connection";
import { dataDir, realPath } from "@/server/control-plane/database";
import { AppError } from "@/server/errors";
import { withFile } from "./sqlite.check";
import { consoleChecks, consoleStep, KEPT_LIVE } from "./sqlite.control-plane-restore";
import { sqliteObjects } from "./sqlite.client";
import { isThere } from "./sqlite.files";
import { type LiveObject, liveObjects, lockHolders, type Shape, shapeOf } from "./sqlite.live";
import { chosenInPlace, staleFiles, targetPath } from "./sqlite.stage";
import { isControlPlane, liveBytes } from "./sqlite.swap";

type Check = RestorePlan["checks"][number];

const SAME_BYTES = "read the copy whole: its SHA-256 with that of the backup, and every table's count with the manifest";
const READ_WHOLE = "integrity_check, foreign_key_check, then every table's count with the manifest";

export async function plan(artefact: Artefact, connection: Connection, target: RestoreTarget, signal: AbortSignal | undefined): Promise<RestorePlan> {
  return target.replace ? planReplace(artefact, connection, target, signal) : planNew(artefact, connection, target, signal);
}

async function planNew(artefact: Artefact, connection: Connection, target: RestoreTarget, signal: AbortSignal | undefined): Promise<RestorePlan> {
  const path = targetPath(connection, target);
  const taken = chosen(artefact.manifest.objects, target);
  const isPart = target.objects !== undefined;
  return {
    target: path,
    way: isPart ? "a new file beside the origin, with the chosen tables" : "a new file beside the origin",
    objects: taken.map(({ name, kind, count }) => ({ name, kind, inBackup: count, liveNow: null, after: count })),
    checks: [...(await newFileChecks(artefact, path, isPart)), ...violations(artefact), ...(isPart ? await partChecks(artefact, taken, signal) : [])],
    bytesNeeded: artefact.bytes,
    steps: [
      { title: "Restore aside", detail: `copy the file to ${path}.restore-…${isPart ? ", and drop what was not chosen" : ""}` },
      { title: "Compare", detail: isPart ? READ_WHOLE : SAME_BYTES },
      { title: "Keep", detail: `give it the name ${path} and open it as a connection of its own` },
    ],
  };
}

async function planReplace(artefact: Artefact, connection: Connection, target: RestoreTarget, signal: AbortSignal | undefined): Promise<RestorePlan> {
  const path = connection.url.reveal();
  const isConsole = isControlPlane(connection);
  const live = await liveObjects(connection, signal);
  const bytes = liveBytes(path);
  const wait = waitOf(bytes + artefact.bytes);
  const shapes = { live: await shapeOf(connection, signal), backup: await withFile(artefact.path, (file) => shapeOf(file, signal)) };
  const checks = [
    ...nameChecks(connection, target),
    ...(await placeChecks(path)),
    await spaceCheck(artefact.bytes, path),
    ...shapeChecks({ ...shapes, wait }),
    ...(await lockChecks(path, shapes.live)),
    ...violations(artefact),
    ...(isConsole ? await consoleChecks(artefact, connection, signal) : []),
  ];
  return {
    target: path,
    way: "in place: the content of the live file is replaced in one transaction",
    objects: objectsOf(artefact, live.objects, isConsole),
    liveIsEstimate: live.isEstimate,
    checks,
    bytesNeeded: artefact.bytes + bytes,
    steps: [
      { title: "Restore aside", detail: "copy the backup into the console's data directory" },
      { title: "Compare", detail: SAME_BYTES },
      ...(isConsole ? [consoleStep] : []),
      {
        title: "Swap",
        detail: "lock the live file, keep an exact copy of it, write the restored content in one transaction, read it back; writers wait " + wait,
      },
    ],
    replaces: { place: path, items: live.objects.reduce((sum, object) => sum + (object.count ?? 0), 0), bytes, sessions: null },
    undo: { how: "the state from before is kept as a file in the console's data directory, and is put back the same way", bytes },
  };
}

/** What is in the backup, live, or both. */
function objectsOf(artefact: Artefact, live: readonly LiveObject[], isConsole: boolean): RestorePlan["objects"] {
  const liveByName = new Map(live.map((object) => [object.name, object]));
  const objects = artefact.manifest.objects.map(({ name, kind, count }) => ({
    name,
    kind,
    inBackup: count,
    liveNow: liveByName.get(name)?.count ?? null,
    after: count,
  }));
  const known = new Set(objects.map(({ name }) => name));
  const onlyLive = live.filter(({ name }) => !known.has(name)).map(({ name, kind, count }) => ({ name, kind, inBackup: null, liveNow: count, after: null }));
  return [...objects, ...onlyLive].map((object) => (isConsole && KEPT_LIVE.has(object.name) ? { ...object, after: object.liveNow } : object));
}

function nameChecks(connection: Connection, target: RestoreTarget): Check[] {
  const right = liveName(connection);
  const checks: Check[] = [];
  if (target.name !== right)
    checks.push({ result: "fail", title: "This is not what the connection opens", detail: `${target.name} is not replaced by it: the right name is ${right}` });
  if (target.objects) checks.push({ result: "fail", title: chosenInPlace().message, detail: chosenInPlace().fix ?? "" });
  return checks;
}

const mayWrite = (path: string): Promise<boolean> =>
  access(path, constants.W_OK).then(
    () => true,
    () => false,
  );

async function placeChecks(path: string): Promise<Check[]> {
  const directory = dirname(realPath(path));
  const closed: string[] = [];
  for (const place of [realPath(path), directory]) if (!(await mayWrite(place))) closed.push(place);
  const rights: Check =
    closed.length === 0
      ? { result: "pass", title: "Rights are enough", detail: `the console may write ${path}, and SQLite's log beside it` }
      : { result: "fail", title: "The console may not write there", detail: closed.join(", ") };
  // The driver that copies cuts such a name, and would write another file.
  if (path === path.trim()) return [rights];
  return [rights, { result: "fail", title: "The file's name begins or ends with a space", detail: "such a file cannot be replaced; rename it" }];
}

/** The new and the old state in the data directory, and beside the live file SQLite's log or journal of the larger of the two. */
async function spaceCheck(artefactBytes: number, path: string): Promise<Check> {
  const live = liveBytes(path);
  const needs = [
    { directory: await existing(dataDir()), bytes: artefactBytes + live },
    { directory: dirname(realPath(path)), bytes: Math.max(artefactBytes, live) },
  ];
  const short: string[] = [];
  const [first, second] = await Promise.all(
    needs.map(async (need) => ({ ...need, device: (await stat(need.directory)).dev, free: await freeBytes(need.directory) })),
  );
  if (!first || !second) throw new AppError("INTERNAL", "The space could not be looked at");
  const asked = first.device === second.device ? [{ ...first, bytes: first.bytes + second.bytes }] : [first, second];
  for (const { directory, bytes, free } of asked)
    if (free < bytes * 1.05) short.push(`${directory} needs ${formatBytes(bytes)} and has ${formatBytes(free)} free`);
  if (short.length > 0) return { result: "fail", title: "Not enough space", detail: short.join("; ") };
  const detail = asked.map(({ directory, bytes, free }) => `${formatBytes(bytes)} of ${formatBytes(free)} free in ${directory}`).join("; ");
  return { result: "pass", title: "Space is enough", detail };
}

async function freeBytes(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}

/** Bytes a second that are copied aside and written under the lock: as measured where two cores had much else to do. */
const LOCKED_BYTES_A_SECOND = 300e6;

const SHORTER = "A program with a shorter busy timeout is told that the database is locked.";

/** How long other programs cannot write, in words. */
export function waitOf(bytes: number): string {
  const seconds = Math.ceil(bytes / LOCKED_BYTES_A_SECOND);
  return seconds <= 1 ? "less than a second" : `about ${formatCount(seconds)} s`;
}

function shapeChecks({ live, backup, wait }: { live: Shape; backup: Shape; wait: string }): Check[] {
  const isWal = live.journalMode === "wal";
  const checks: Check[] = [
    isWal
      ? {
          result: "pass",
          title: "Programs that have it open go on",
          detail: `the file is in WAL mode: they see the new content with their next transaction; writers wait ${wait}. ${SHORTER}`,
        }
      : {
          result: "warn",
          title: "Open reads of other programs are waited for",
          detail: `the file is in ${live.journalMode} mode: the swap waits 20 s for them, then it is refused and nothing is changed. Readers and writers wait ${wait}. ${SHORTER}`,
        },
  ];
  if (live.pageSize !== backup.pageSize)
    checks.push({
      result: isWal ? "warn" : "pass",
      title: `Pages of ${backup.pageSize} bytes, the live file has ${live.pageSize}`,
      detail: isWal
        ? "the restored copy is rewritten in the live size (VACUUM): its values stay, its layout changes"
        : "the live file takes the size of the backup",
    });
  if (live.encoding !== backup.encoding)
    checks.push({
      result: "warn",
      title: `Text is ${backup.encoding} in the backup, ${live.encoding} live`,
      detail: "programs that have the file open get an error until they open it again",
    });
  if (live.applicationId !== backup.applicationId)
    checks.push({
      result: "warn",
      title: "The backup may be of another program",
      detail: `application_id ${backup.applicationId} in the backup, ${live.applicationId} live`,
    });
  if (live.userVersion !== backup.userVersion)
    checks.push({
      result: "warn",
      title: "The backup has another schema version",
      detail: `user_version ${backup.userVersion} in the backup, ${live.userVersion} live: the program must be able to read it`,
    });
  return checks;
}

async function lockChecks(path: string, live: Shape): Promise<Check[]> {
  const holders = await lockHolders(realPath(path));
  if (holders.length === 0) return [];
  const words = holders.slice(0, 5).map(({ pid }) => pid);
  const detail = `process ${words.join(", ")}${holders.length > 5 ? " and others" : ""}`;
  const opened = formatCounted(holders.length, { one: "other program has", many: "other programs have" });
  if (live.journalMode === "wal") return [{ result: "pass", title: `${opened} it open`, detail }];
  return [{ result: "warn", title: `${opened} it locked now`, detail }];
}

async function newFileChecks(artefact: Artefact, path: string, isPart: boolean): Promise<Check[]> {
  const checks: Check[] = [];
  const exists = await isThere(path);
  const stale = exists ? [] : await staleFiles(path);
  if (stale.length > 0) checks.push({ result: "fail", title: "Files of an earlier database are in the way", detail: stale.join(", ") });
  checks.push(
    exists
      ? { result: "fail", title: "The name is taken", detail: `${path} exists; nothing is overwritten` }
      : { result: "pass", title: "The name is free", detail: path },
  );
  const directory = await existing(dirname(path));
  checks.push(
    (await mayWrite(directory))
      ? { result: "pass", title: "Rights are enough", detail: `the console may write in ${directory}` }
      : { result: "fail", title: "The console may not write there", detail: directory },
  );
  const free = await freeBytes(directory);
  const needed = artefact.bytes * (isPart ? 2 : 1);
  const enough = free > needed * 1.1;
  checks.push({
    result: enough ? "pass" : "fail",
    title: enough ? "Space is enough" : "Not enough space",
    detail: `needs ${needed} of ${free} bytes free`,
  });
  return checks;
}

function violations(artefact: Artefact): Check[] {
  const count = Number(artefact.manifest.details["foreignKeyViolations"] ?? 0);
  if (count === 0) return [];
  return [{ result: "warn", title: `${count} rows break a foreign key`, detail: "they did so in the origin; they are restored as they were" }];
}

const REFERENCES = `SELECT DISTINCT source.name AS "table", key."table" AS parent FROM sqlite_schema AS source, pragma_foreign_key_list(source.name) AS key
  WHERE source.type = 'table'`;

/** Chosen tables whose foreign keys lead to tables that were not chosen. */
async function partChecks(artefact: Artefact, taken: readonly { name: string }[], signal: AbortSignal | undefined): Promise<Check[]> {
  const names = new Set(taken.map(({ name }) => name.toLowerCase()));
  const references = await withFile(artefact.path, (file) => sqliteObjects<{ table: string; parent: string }>(file, REFERENCES, [], signal));
  const open = references.filter(({ table, parent }) => names.has(table.toLowerCase()) && !names.has(parent.toLowerCase()));
  if (open.length === 0) return [];
  return [
    {
      result: "warn",
      title: `${formatCounted(open.length, { one: "foreign key leads", many: "foreign keys lead" })} to a table that was not chosen`,
      detail: open.map(({ table, parent }) => `${table} to ${parent}`).join(", "),
    },
  ];
}

async function existing(path: string): Promise<string> {
  return access(path).then(
    () => path,
    () => existing(dirname(path)),
  );
}
