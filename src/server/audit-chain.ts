import "server-only";
import { createHmac } from "node:crypto";
import type { Selectable } from "kysely";
import type { AuditTable } from "@/server/control-plane/schema";
import { derivedKey } from "@/server/secrets";

export type AuditRow = Selectable<AuditTable>;
/** A row before the chain gave it its number and its hashes. */
export type UnchainedRow = Omit<AuditRow, "seq" | "hash" | "previous_hash">;

/** What the first row follows. */
export const CHAIN_START = "0".repeat(64);

export const auditKey = (): Buffer => derivedKey("audit chain v1");

/** HMAC-SHA-256 over the previous hash and every column but seq, in a fixed order: canonical because it is an array of scalars. */
export function chainHash(row: UnchainedRow, options: { previousHash: string; key: Buffer }): string {
  const canonical = JSON.stringify([
    options.previousHash,
    row.at,
    row.actor_id,
    row.actor_name,
    row.role,
    row.session,
    row.address,
    row.action,
    row.connection_id,
    row.procedure,
    row.target,
    row.input,
    row.outcome,
    row.detail,
    row.completes,
    row.request_id,
  ]);
  return createHmac("sha256", options.key).update(canonical).digest("hex");
}

// Control, line and direction characters: one row stays one line, in any terminal.
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** One line of at most `charactersMax`, with unprintable characters as \uXXXX. */
export function oneLine(text: string, charactersMax: number): string {
  const cut = text.length > charactersMax ? `${text.slice(0, charactersMax - 1)}…` : text;
  return cut.toWellFormed().replace(UNPRINTABLE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
