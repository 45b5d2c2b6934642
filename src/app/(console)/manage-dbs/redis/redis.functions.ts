import "server-only";
import { isUtf8 } from "node:buffer";
import type { CommandLine, RedisClient } from "./redis.client";
import { DUMP_FOOTER_BYTES, dumpVersion, writeDumpFooter } from "./redis.dump";
import { RdbWalker } from "./redis.rdb-walk";
import { asBuffer, asList, asRecord, type Reply } from "./redis.reply";
import { speaks } from "./redis.server-facts";

/** Function libraries, which belong to the whole server: source by name. */
export type Libraries = ReadonlyMap<string, Buffer>;

/** A whole set goes into the journal for undo, up to this size; real ones are a thousandth of it. */
export const LIBRARIES_BYTES_MAX = 1024 * 1024;

export const LIST_LIBRARIES: CommandLine = ["FUNCTION", "LIST", "WITHCODE"];

/** All of the server; in words why they cannot be known. */
export async function readLibraries(client: RedisClient): Promise<Libraries | string> {
  const facts = await client.facts();
  if (!speaks(facts, 7)) return `${facts.product} ${facts.version} has no functions`;
  const [list] = await client.run([LIST_LIBRARIES]);
  return Array.isArray(list) ? listedLibraries(list) : "the user of this connection may not list functions";
}

/** What FUNCTION LIST WITHCODE answered. */
export function listedLibraries(list: Reply | undefined): Libraries {
  return new Map(asList(list).map((library) => [libraryName(library), asBuffer(asRecord(library).get("library_code"))]));
}

export function libraryName(library: Reply): string {
  const name = asBuffer(asRecord(library).get("library_name"));
  return isUtf8(name) ? name.toString("utf8") : name.toString("latin1");
}

/** The name a function library gives itself in its first line: "#!lua name=shop". */
export function libraryOf(source: Buffer): string {
  const line = source.subarray(0, 1_000);
  const text = isUtf8(line) ? line.toString("utf8") : line.toString("latin1");
  return /^#![^\n]*?\bname=(\S+)/.exec(text)?.[1] ?? "without a name";
}

export function byName(sources: Iterable<Buffer>): Libraries {
  return new Map(Array.from(sources, (source) => [libraryOf(source), source]));
}

export function isSameSet(one: Libraries, other: Libraries): boolean {
  return one.size === other.size && [...one].every(([name, source]) => other.get(name)?.equals(source));
}

export function librariesBytes(libraries: Libraries): number {
  return [...libraries.values()].reduce((sum, source) => sum + source.length, 0);
}

/** Sources in a FUNCTION DUMP: what an RDB holds of functions, with a footer. */
export function dumpedSources(dump: Buffer): Buffer[] {
  const walker = new RdbWalker({ wantsBodies: false, leave: () => undefined });
  walker.push(Buffer.from("REDIS0010"));
  walker.push(dump.subarray(0, dump.length - DUMP_FOOTER_BYTES));
  return walker.functions;
}

/** Makes these all the libraries of the server, in one step: all, or, when it refuses one, as it was. */
export async function replaceLibraries(client: RedisClient, libraries: Libraries): Promise<CommandLine> {
  return ["FUNCTION", "RESTORE", dumpLibraries(libraries, await ownVersion(client)), "FLUSH"];
}

/** No server knows this engine, so what ends with its library is refused when all before it was found good. */
const REFUSED_ENGINE = "foundryconsole";
const REFUSED_LIBRARY = Buffer.from(`#!${REFUSED_ENGINE} name=tried\n`);

/** In words why the server would not take all of them together; null when it would. Changes nothing: the server is made to refuse them at the end. */
export async function whyRefused(client: RedisClient, libraries: Libraries): Promise<string | null> {
  const payload = dumpLibraries(new Map([...libraries, ["", REFUSED_LIBRARY]]), await ownVersion(client));
  const [reply] = await client.run([["FUNCTION", "RESTORE", payload, "APPEND"]]);
  if (!(reply instanceof Error)) return "the server does not say whether it takes functions";
  if (reply.message.includes(REFUSED_ENGINE)) return null;
  return `the server does not take them (${reply.message})`;
}

async function ownVersion(client: RedisClient): Promise<number> {
  return dumpVersion(asBuffer(await client.send("FUNCTION", "DUMP")));
}

const FUNCTION_OPCODE = 0xf5;

/** As FUNCTION DUMP writes it. */
function dumpLibraries(libraries: Libraries, rdbVersion: number): Buffer {
  const pieces = [...libraries.values()].map((source) => {
    const head = Buffer.alloc(6);
    head[0] = FUNCTION_OPCODE;
    // The length of four bytes is good for any.
    head[1] = 0x80;
    head.writeUInt32BE(source.length, 2);
    return Buffer.concat([head, source]);
  });
  const dump = Buffer.concat([...pieces, Buffer.alloc(DUMP_FOOTER_BYTES)]);
  writeDumpFooter(dump, rdbVersion);
  return dump;
}
