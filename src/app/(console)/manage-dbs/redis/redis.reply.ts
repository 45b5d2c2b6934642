import "server-only";
import { AppError } from "@/server/errors";

/**
 * What a server answers, untouched: bulk and simple strings are Buffers, failed commands inside a list are Errors.
 * Integers are digits in a job's client, where they may be beyond 2^53, numbers in the shared ones.
 */
export type Reply = Buffer | number | string | null | Error | Reply[];

export function asList(reply: Reply | undefined): Reply[] {
  if (Array.isArray(reply)) return reply;
  throw unexpected("a list", reply);
}

export function asBuffer(reply: Reply | undefined): Buffer {
  if (Buffer.isBuffer(reply)) return reply;
  throw unexpected("a string", reply);
}

export function asBufferOrNull(reply: Reply | undefined): Buffer | null {
  return reply === null ? null : asBuffer(reply);
}

/** Only for the server's own words (types, cursors, INFO), never for data. */
export function asText(reply: Reply | undefined): string {
  return typeof reply === "number" || typeof reply === "string" ? String(reply) : asBuffer(reply).toString("utf8");
}

export function asNumber(reply: Reply | undefined): number {
  if (typeof reply === "number") return reply;
  const digits = Buffer.isBuffer(reply) ? reply.toString("latin1") : reply;
  if (typeof digits === "string" && /^-?\d+$/.test(digits)) return Number(digits);
  throw unexpected("a number", reply);
}

/** Null where the server refused or had nothing: for facts that are nice to know. */
export function numberOrNull(reply: Reply | undefined): number | null {
  return reply === undefined || reply === null || reply instanceof Error ? null : asNumber(reply);
}

export function asBuffers(reply: Reply | undefined): Buffer[] {
  return asList(reply).map(asBuffer);
}

/** A flat list [name, value, name, value] by name, as XINFO and CONFIG GET answer. */
export function asRecord(reply: Reply | undefined): Map<string, Reply> {
  const flat = asList(reply);
  const record = new Map<string, Reply>();
  for (let index = 0; index + 1 < flat.length; index += 2) record.set(asText(flat[index]), flat[index + 1] ?? null);
  return record;
}

/** Neighbours of a flat list as pairs. */
export function asPairs(reply: Reply | undefined): [Buffer, Buffer][] {
  const flat = asBuffers(reply);
  const pairs: [Buffer, Buffer][] = [];
  for (let index = 0; index + 1 < flat.length; index += 2) pairs.push([asBuffer(flat[index]), asBuffer(flat[index + 1])]);
  return pairs;
}

function unexpected(wanted: string, reply: Reply | undefined): Error {
  if (reply instanceof Error) return reply;
  const got = reply === null ? "nothing" : Array.isArray(reply) ? "a list" : typeof reply;
  return new AppError("INTERNAL", `Redis answered with ${got} where ${wanted} was expected`);
}
