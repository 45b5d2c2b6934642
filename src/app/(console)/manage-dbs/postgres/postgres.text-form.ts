import "server-only";
import { z } from "zod";
import type { CatalogQuery, Session } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import type { ManifestContent } from "@/backups/engine";

/** Settings of server, database and role that change how pg_dump's session prints values; the others it sets itself. */

const NAMES = ["TimeZone", "bytea_output", "lc_monetary"] as const;
const TextForm = z.record(z.string(), z.string());
export type TextForm = z.infer<typeof TextForm>;

const SETTINGS: CatalogQuery<{ name: string; value: string }> = {
  row: z.object({ name: z.string(), value: z.string() }),
  sql: `SELECT name, reset_val AS value FROM pg_settings WHERE name IN (${NAMES.map((name) => `'${name}'`).join(", ")}) ORDER BY name`,
};

/** What a new session of this role gets in this database: the console's own sessions have changed it for themselves. */
export async function readTextForm(session: Session): Promise<TextForm> {
  return Object.fromEntries((await session.all(SETTINGS)).map(({ name, value }) => [name, value]));
}

/** Null for a backup that does not say. */
export const textFormOf = (manifest: ManifestContent): TextForm | null => TextForm.safeParse(manifest.details["textForm"]).data ?? null;

/** libpq's PGOPTIONS that make a session print as `wanted`, which does so as `found` by itself; null where nothing has to be set. */
export function textFormOptions(wanted: TextForm, found: TextForm): string | null {
  const changes = NAMES.filter((name) => wanted[name] !== undefined && wanted[name] !== found[name]);
  const words = changes.map((name) => `-c ${name}=${(wanted[name] ?? "").replace(/[\\\s]/g, "\\$&")}`);
  return words.length > 0 ? words.join(" ") : null;
}
