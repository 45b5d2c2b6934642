import "server-only";
/** Restores a SQLite file aside: beside its target for a new file, in the console's own directory for what is to replace a live one. */
import { link, mkdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Artefact, type JobContext, type LeftBehind, Manifest, type RestoreTarget, type Staged } from "@/backups/engine";
import { liveName } from "@/backups/live-name";
import { chosen } from "@/backups/restores.service";
import type { Connection } from "@/server/connection";
import { isConsoleFile, restoredDir } from "@/server/control-plane/database";
import { AppError } from "@/server/errors";
import { both, checkFile, type Checked, countFile, readHeader } from "./sqlite.check";
import { warmReaders } from "./sqlite.client";
import { copyPrivately, isThere, keptPath, makeKeptDir, removeKept, runOnFile, syncFile } from "./sqlite.files";

import type { CompareResult } from "./sqlite.swap-protocol";
import { swapIn } from "./sqlite.swap";

export async function stage(artefact: Artefact, connection: Connection, target: RestoreTarget, context: JobContext): Promise<Staged> {
  return target.replace ? stageToReplace(artefact, connection, target, context) : stageNew(artefact, connection, target, context);
}

async function stageToReplace(artefact: Artefact, connection: Connection, target: RestoreTarget, context: JobContext): Promise<Staged> {
  const name = liveName(connection);
  if (target.name !== name) throw new AppError("INVALID", `${target.name} is not what this connection opens`, { fix: `The name is ${name}.` });
  if (target.objects) throw chosenInPlace();
  await makeKeptDir();
  const aside = keptPath(context.jobId, "restored");
  const { checked } = await makeAside(artefact, { path: aside, objects: undefined, context });
  return {
    ...counts(checked),
    keep: () => Promise.reject(new AppError("INVALID", "What is staged to replace live data is swapped, not kept")),
    swap: (journal) => swapIn(connection, context, journal),
    compareContent: () => compareContent(artefact, { path: aside, objects: undefined, context }),
    discard: () => removeKept(context.jobId),
  };
}

export const chosenInPlace = (): AppError =>
  new AppError("UNSUPPORTED", "A live SQLite file is replaced as a whole: chosen tables cannot be put into it exactly", {
    fix: "Restore the tables into a new file, or the whole backup.",
  });

async function stageNew(artefact: Artefact, connection: Connection, target: RestoreTarget, context: JobContext): Promise<Staged> {
  const path = targetPath(connection, target);
  const aside = asidePath(path, context.jobId);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const { checked } = await makeAside(artefact, { path: aside, objects: target.objects, context });
  return {
    ...counts(checked),
    async keep() {
      const [stale] = await staleFiles(path);
      if (stale) throw inTheWay(stale);
      // link() fails where the name has been taken meanwhile; rename() would overwrite.
      await link(aside, path).catch((error: NodeJS.ErrnoException) => {
        throw error.code === "EEXIST" ? taken(path) : error;
      });
      await rm(aside, { force: true });
      return { place: path, connection: { url: path, database: null } };
    },
    compareContent: () => compareContent(artefact, { path: aside, objects: target.objects, context }),
    discard: () => removeAside(aside),
  };
}

const counts = ({ objects }: Checked): Pick<Staged, "objects" | "skipped"> => ({ objects: objects.map(({ name, count }) => ({ name, count })), skipped: [] });

interface Aside {
  path: string;
  objects: string[] | undefined;
  context: JobContext;
}

/** A checked private copy of the artefact, or of the chosen tables of it. Nothing is left when it fails. */
async function makeAside(artefact: Artefact, { path, objects, context }: Aside): Promise<{ checked: Checked }> {
  const { signal } = context;
  const copy = objects ? `${path}.whole` : path;
  warmReaders();
  try {
    const sha256 = await copyPrivately(artefact.path, copy, { signal, progress: (done, total) => context.progress({ bytesDone: done, bytesTotal: total }) });
    const isProved = assertSame(artefact, sha256, context);
    // An uploaded file may be in WAL mode; what stands aside is one file without sidecars.
    const isWal = (await readHeader(copy))?.isWal === true;
    if (isWal) await runOnFile<void>({ op: "plain", path: copy }, { path: copy, signal });
    if (objects) {
      const keep = chosen(artefact.manifest.objects, { name: "", objects }).map(({ name }) => name);
      await runOnFile<void>({ op: "extract", path: copy, target: path, keep }, { path, signal });
      await rm(copy, { force: true });
      context.log(`${keep.length} of ${artefact.manifest.objects.length} objects are taken, with their indexes and triggers`);
    }
    // The bytes of a backup that was checked when it was made: only the counts are left to compare.
    const isSame = isProved && !objects && !isWal;
    const [checked] = await both(isSame ? countFile(path, signal) : checkFile(path, signal), syncFile(path));
    if (checked.foreignKeyViolations > 0) context.log(`${checked.foreignKeyViolations} rows break a foreign key`);
    return { checked };
  } catch (error) {
    await removeAside(path);
    throw error;
  }
}

/** Whether the copy is known to have the bytes of the backup; false where no SHA-256 of it is stored. @throws AppError CONFLICT when it has others */
function assertSame({ manifest }: Artefact, sha256: string, context: JobContext): boolean {
  const stored = Manifest.pick({ sha256: true }).safeParse(manifest).data?.sha256;
  if (stored === undefined) return false;
  if (sha256 !== stored)
    throw new AppError("CONFLICT", "The copy is not what the backup holds: its SHA-256 differs", {
      fix: "Look at the disk of the target; try again or choose another backup.",
      detail: `${sha256}, the backup ${stored}`,
    });
  context.log("the copy was read back whole: its SHA-256 is that of the backup");
  return true;
}

/** Compares what stands aside with the artefact: every byte, or every value of the tables where it is not a byte copy. */
async function compareContent(artefact: Artefact, { path, objects, context }: Aside): Promise<{ method: string }> {
  const isCopy = !objects && !(await readHeader(artefact.path))?.isWal;
  const names = artefact.manifest.objects.filter((object) => !objects || objects.includes(object.name)).map((object) => object.name);
  const { different, method } = await runOnFile<CompareResult>(
    { op: "compare", left: path, right: artefact.path, tables: isCopy ? null : names },
    {
      path,
      signal: context.signal,
      progress: (done, total) => context.progress(isCopy ? { bytesDone: done, bytesTotal: total } : { objectsDone: done, objectsTotal: total }),
    },
  );
  if (different.length === 0) return { method };
  throw new AppError("CONFLICT", `What was restored is not what the backup holds: ${different.slice(0, 5).join(", ")}`, {
    fix: "Look at the disk of the target; try again or choose another backup.",
    detail: method,
  });
}

/** Clears what a crashed restore left, beside its target and in the console's directory. */
export async function sweep(connection: Connection, left: LeftBehind): Promise<void> {
  await removeKept(left.jobId);
  // A live file that was to be replaced may have a name that a new one must not have: nothing lies beside it then.
  if (FILE_NAME.test(left.target)) await removeAside(asidePath(targetPath(connection, { name: left.target }), left.jobId));
}

async function removeAside(aside: string): Promise<void> {
  for (const path of [aside, `${aside}.whole`]) for (const suffix of ["", "-wal", "-shm", "-journal"]) await rm(`${path}${suffix}`, { force: true });
}

/** What SQLite would read together with a file of this name: an earlier database's log would be replayed over the restored one. */
export async function staleFiles(path: string): Promise<string[]> {
  const found = await Promise.all(["-wal", "-shm", "-journal"].map(async (suffix) => ((await isThere(`${path}${suffix}`)) ? [`${path}${suffix}`] : [])));
  return found.flat();
}

const inTheWay = (stale: string) =>
  new AppError("CONFLICT", `${stale} of an earlier database is in the way: SQLite would replay it over the restored file`, {
    fix: "Choose another name, or remove that file when nothing needs it.",
  });

const asidePath = (path: string, jobId: string): string => `${path}.restore-${jobId}`;
const taken = (path: string) => new AppError("CONFLICT", `${path} exists already`, { fix: "Choose another name; nothing is overwritten." });

const FILE_NAME = /^(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/** New files lie beside their origin; those of the control plane in a directory of their own. @throws AppError INVALID */
export function targetPath(connection: Connection, target: RestoreTarget): string {
  if (!FILE_NAME.test(target.name)) {
    throw new AppError("INVALID", `${target.name} is not a file name`, { fix: "Use letters, digits, dots, hyphens and underscores; no directory." });
  }
  const directory = isConsoleFile(connection.address) ? restoredDir() : dirname(connection.url.reveal());
  return join(directory, /\.(sqlite3?|db)$/.test(target.name) ? target.name : `${target.name}.sqlite`);
}
