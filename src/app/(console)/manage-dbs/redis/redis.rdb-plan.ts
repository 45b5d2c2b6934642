import "server-only";
import type { z } from "zod";
import type { ManifestContent, PlanCheck } from "@/backups/engine";
import { formatCount } from "@/lib/format";
import { chosenTypes } from "./redis.backup-target";
import { CORE_TYPES } from "./redis.dump";
import { RdbDetails } from "./redis.rdb-content";
import { rdbType, takesLabel, typeName } from "./redis.rdb-types";
import type { ServerFacts } from "./redis.server-facts";

interface Planned {
  manifest: ManifestContent;
  /** Logical databases of the backup that are restored. */
  databases: number[];
  /** The manifest's names of what was asked for; absent for all. */
  chosen: string[] | undefined;
  facts: ServerFacts;
  /** The RDB version that the server writes; null when it does not say. */
  own: number | null;
}

const TITLE = "Server holds these values";

/** Whether the server knows every form of value that is to be restored. An older server takes whatever it knows. */
export function checkRdbValues(planned: Planned): z.infer<typeof PlanCheck> {
  const { manifest, facts, own } = planned;
  const { rdbVersion } = RdbDetails.parse(manifest.details);
  const came = `Made by ${manifest.server.product} ${manifest.server.version} (RDB version ${rdbVersion})`;
  const server = `${facts.product} ${facts.version}`;
  if (own === null) return { result: "warn", title: TITLE, detail: `${came}; what this ${server} reads is not known. If it cannot, nothing is kept.` };
  const unknown = countForms(planned, (since) => !takesLabel(since, { family: facts.product, own }));
  if (unknown.length === 0) return { result: "pass", title: TITLE, detail: `${came}; every value has a form that ${server} reads.` };
  const words = unknown.map(({ keys, one, many }) => `${formatCount(keys)} ${keys === 1 ? `key is ${one}` : `keys are ${many}`}`);
  return {
    result: "fail",
    title: TITLE,
    detail: `${came}: ${words.join("; ")}, which ${server} cannot hold. Leave them out, or restore to a server that can.`,
  };
}

interface CountedForm {
  keys: number;
  one: string;
  many: string;
}

function countForms({ manifest, databases, chosen }: Planned, isCounted: (since: number) => boolean): CountedForm[] {
  const { encodings, rdbFamily } = RdbDetails.parse(manifest.details);
  const counted = new Map<string, CountedForm>();
  for (const db of databases) {
    const types = chosenTypes(chosen, db);
    for (const [text, keys] of Object.entries(encodings[String(db)] ?? {})) {
      const byte = Number(text);
      const form = rdbType(byte, rdbFamily);
      if (!form || !isAsked(byte, types) || !isCounted(form.since)) continue;
      const { one, many } = form;
      counted.set(many, { one, many, keys: (counted.get(many)?.keys ?? 0) + keys });
    }
  }
  return [...counted.values()];
}

/** The byte of modules stands for all of them. */
function isAsked(byte: number, types: string[] | null): boolean {
  if (types === null) return true;
  return byte === 7 ? types.some((type) => !CORE_TYPES.has(type)) : types.includes(typeName(byte, null));
}
