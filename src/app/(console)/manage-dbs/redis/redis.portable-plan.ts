import "server-only";
import { z } from "zod";
import type { Artefact, ManifestContent, PlanCheck } from "@/backups/engine";
import type { Connection } from "@/server/connection";
import { AppError } from "@/server/errors";
import type { BackupOrigin } from "./redis.backup-source";
import { chosenTypes, readObjectName } from "./redis.backup-target";
import { redisClient } from "./redis.client";
import { namesOf } from "./redis.portable-read";
import { askFieldExpiries } from "./redis.portable-scan";
import { speaks } from "./redis.server-facts";

/** What a portable backup's manifest says that a restore must know. */
const Named = z.object({ count: z.number(), names: z.array(z.string()) });
const PortableDetails = z.object({
  databases: z.record(z.string(), z.number()),
  libraries: z.array(z.string()),
  torn: z.record(z.string(), Named),
  fieldExpiries: z.record(z.string(), Named),
});

export function portableOrigin({ server, details }: ManifestContent): BackupOrigin {
  const { databases, libraries } = PortableDetails.parse(details);
  return {
    product: server.product,
    serverVersion: server.version,
    rdbVersion: null,
    libraries,
    databases: Object.keys(databases).map(Number),
    isSnapshot: false,
    isPortable: true,
  };
}

type Check = z.infer<typeof PlanCheck>;

/** Whether the server has the commands for all that is asked for: old ones do, but for fields that expire and for streams. */
export async function checkPortable(
  artefact: Artefact,
  connection: Connection,
  { from, chosen }: { from?: number[]; chosen: string[] | undefined },
): Promise<Check[]> {
  const { fieldExpiries, torn } = PortableDetails.parse(artefact.manifest.details);
  const facts = await redisClient(connection).facts();
  const asked = artefact.manifest.objects.flatMap(({ name }) => {
    const object = readObjectName(name);
    const isAsked = object !== null && (from?.includes(object.db) ?? true) && (chosenTypes(chosen, object.db)?.includes(object.type) ?? true);
    return isAsked ? [object] : [];
  });
  const title = "Server has the commands";
  const checks: Check[] = [];
  const hashes = sum(
    Object.entries(fieldExpiries).flatMap(([db, named]) => (asked.some((object) => object.db === Number(db) && object.type === "hash") ? [named] : [])),
  );
  if (hashes.count > 0 && !(await askFieldExpiries(redisClient(connection)))) {
    checks.push({
      result: "fail",
      title,
      detail: `${hashes.count} hashes have fields that expire by themselves, and ${facts.product} ${facts.version} cannot keep that: ${namesOf(hashes)}. Restore to Redis 7.4, Valkey 9 or newer, or choose the other types only.`,
    });
  }
  if (asked.some(({ type }) => type === "stream") && !speaks(facts, 5))
    checks.push({ result: "fail", title, detail: `${facts.product} ${facts.version} has no streams. Restore to version 5 or newer.` });
  if (checks.length === 0)
    checks.push({
      result: "pass",
      title,
      detail: `Typed values go in by plain commands, whatever the version: ${facts.product} ${facts.version} has all that are needed.`,
    });
  const changed = sum(Object.values(torn));
  if (changed.count > 0)
    checks.push({
      result: "warn",
      title: "Big keys changed while they were read",
      detail: `The parts of ${changed.count} may be of different moments: ${namesOf(changed)}.`,
    });
  return checks;
}

/** @throws UNSUPPORTED, before anything is written, where the plan says so */
export async function assertPortableFits(artefact: Artefact, connection: Connection, chosen: string[] | undefined): Promise<void> {
  const failed = (await checkPortable(artefact, connection, { chosen })).find(({ result }) => result === "fail");
  if (failed) throw new AppError("UNSUPPORTED", failed.detail, { fix: "Choose another target, or fewer objects." });
}

const sum = (all: z.infer<typeof Named>[]): z.infer<typeof Named> => ({
  count: all.reduce((total, { count }) => total + count, 0),
  names: all.flatMap(({ names }) => names),
});
