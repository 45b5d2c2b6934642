import "server-only";
import { AppError } from "@/server/errors";
import { appeared, assertTaken, type Destination, type PlacedRecord, type SendOptions } from "./redis.backup-destination";
import { claimCommand } from "./redis.backup-marker";
import type { CommandLine, RedisClient } from "./redis.client";
import { showBytes } from "./redis.codec";
import type { Element } from "./redis.dump-elements";
import { redisError } from "./redis.errors";
import type { PortableRecord, StreamPart } from "./redis.portable-format";
import { asText, type Reply } from "./redis.reply";
import { speaks, type ServerFacts } from "./redis.server-facts";
import { atPoint } from "./redis.swap-points";

/** The plain commands that make keys of their typed values, of one logical database, in the backup's order. */
export class PortableCommands {
  /** The stream that has not ended yet. */
  #head: StreamPart["head"] = null;
  #hasEntries = false;

  of(record: PortableRecord, facts: ServerFacts): CommandLine[] {
    const { key, isVoid, isLast, expiresAtMs, stream } = record;
    if (isVoid) return [["UNLINK", key]];
    // Last of all: what is whole expires, parts that still come do not make a key without expiry of it.
    const end: CommandLine[] = isLast && expiresAtMs !== null ? [["PEXPIREAT", key, expiresAtMs]] : [];
    return [...(stream ? this.#streamCommands({ record, stream, facts }) : valueCommands(record)), ...end];
  }

  #streamCommands({ record, stream, facts }: { record: PortableRecord; stream: StreamPart; facts: ServerFacts }): CommandLine[] {
    if (stream.head) {
      this.#head = stream.head;
      this.#hasEntries = false;
    }
    const head = this.#head;
    if (head === null) return [];
    const lines = partCommands(record.key, { stream, head, facts, hasEntries: this.#hasEntries });
    this.#hasEntries ||= stream.entries.some(({ fields }) => fields !== null);
    return record.isLast ? [...lines, ...endCommands(record.key, { head, facts })] : lines;
  }
}

/** What a restore of a portable backup must remember of one logical database from group to group. */
interface Progress {
  /** Keys (latin1) that were begun by us and taken away again: they may be there when they come once more. */
  voided: Set<string>;
  commands: PortableCommands;
}

/** Sends typed values as plain commands, each group as one transaction that nobody comes between. */
export class PortableSender {
  readonly #progress = new Map<Destination, Progress>();

  /** @throws CONFLICT when one of the keys exists already: it is never touched */
  async sendGroup(destination: Destination, group: PlacedRecord<PortableRecord>[], { onTaken }: SendOptions): Promise<void> {
    const { client, claim } = destination;
    const facts = await client.facts();
    const records = group.map(({ record }) => record);
    const fresh = this.#newKeys(destination, records);
    await assertAbsent(destination, fresh);
    claim.reached = (group.at(-1)?.position ?? -1) + 1;
    const { commands } = this.#of(destination);
    const lines = records.flatMap((record) => commands.of(record, facts).map((line) => ({ line, record })));
    const replies = await client.run([["MULTI"], claimCommand(claim), ...lines.map(({ line }) => line), ["EXEC"]]);
    const executed = replies.at(-1);
    if (!Array.isArray(executed)) {
      const refused = replies.find((reply) => reply instanceof Error);
      if (refused !== undefined) throw redisError(refused, { address: client.address, doing: "restore keys" });
      await assertAbsent(destination, fresh);
      throw new AppError("CONFLICT", `${client.address} changed while keys were restored`, { fix: "Choose a logical database that nobody writes to." });
    }
    for (const [index, { line, record }] of lines.entries()) assertDone(client, { reply: executed[index + 1], line, record });
    onTaken(records);
    await atPoint("sent");
  }

  #of(destination: Destination): Progress {
    const known = this.#progress.get(destination) ?? { voided: new Set(), commands: new PortableCommands() };
    this.#progress.set(destination, known);
    return known;
  }

  /** Keys that begin here and were not there before, as far as we know: those that come again after they were taken away are ours. */
  #newKeys(destination: Destination, records: PortableRecord[]): PortableRecord[] {
    const { voided } = this.#of(destination);
    return records.filter(({ key, isFirst, isVoid }) => {
      const name = key.toString("latin1");
      if (isVoid) voided.add(name);
      return isFirst && !voided.has(name);
    });
  }
}

/** Watches names that must not exist, until the transaction. @throws CONFLICT naming one that does */
async function assertAbsent({ client, foreign }: Destination, records: PortableRecord[]): Promise<void> {
  if (records.length === 0) return;
  const [watched, ...found] = await client.run([["WATCH", ...records.map(({ key }) => key)], ...records.map(({ key }): CommandLine => ["EXISTS", key])]);
  if (watched instanceof Error) throw redisError(watched, { address: client.address, doing: "restore keys" });
  const there = records.filter((_, index) => asText(found[index]) !== "0");
  for (const { key } of there) foreign.add(key.toString("latin1"));
  if (there[0]) throw appeared(there[0]);
}

/** XCLAIM answers with what it took. */
export function assertDone(client: RedisClient, { reply, line, record }: { reply: Reply | undefined; line: CommandLine; record: PortableRecord }): void {
  assertTaken(client, { reply, record });
  if (line[0] === "XCLAIM" && !(Array.isArray(reply) && reply.length === 1))
    throw new AppError("CONFLICT", `${client.address} does not take a pending entry of the stream ${showBytes(record.key)}`, {
      fix: "Restore to a server of another version.",
    });
}

function valueCommands({ key, type, elements, isFirst }: PortableRecord): CommandLine[] {
  const flat = elements.flat();
  switch (type) {
    case "string":
      return [[isFirst ? "SET" : "APPEND", key, ...flat]];
    case "list":
      return [["RPUSH", key, ...flat]];
    case "set":
      return [["SADD", key, ...flat]];
    case "zset":
      return [["ZADD", key, ...elements.flatMap(([member, score]) => (member && score ? [score, member] : []))]];
    default:
      return [["HSET", key, ...elements.flatMap(([field, value]) => (field && value ? [field, value] : []))], ...expiryCommands(key, elements)];
  }
}

function expiryCommands(key: Buffer, elements: Element[]): CommandLine[] {
  const byTime = new Map<string, Buffer[]>();
  for (const [field, , expiry] of elements) {
    if (!field || !expiry) continue;
    const at = expiry.toString("latin1");
    const fields = byTime.get(at) ?? [];
    byTime.set(at, fields);
    fields.push(field);
  }
  return [...byTime].map(([at, fields]): CommandLine => ["HPEXPIREAT", key, at, "FIELDS", fields.length, ...fields]);
}

interface StreamRestore {
  stream: StreamPart;
  head: NonNullable<StreamPart["head"]>;
  facts: ServerFacts;
  /** In parts before this one. */
  hasEntries: boolean;
}

/** Stands for an entry that was deleted while it was pending, until it has been claimed. */
const PLACEHOLDER = ["deleted", "1"];

function partCommands(key: Buffer, { stream, head, facts, hasEntries }: StreamRestore): CommandLine[] {
  const { entries, pending } = stream;
  const kept = entries.filter(({ fields }) => fields !== null);
  const firstKept = hasEntries ? 0 : entries.findIndex(({ fields }) => fields !== null);
  // Trimming, unlike XDEL, leaves no trace: what was trimmed away stands before all that is left.
  const isAhead = (index: number) => firstKept < 0 || index < firstKept;
  const deleted = entries.flatMap(({ id, fields }, index) => (fields === null && !isAhead(index) ? [id] : []));
  const hasAhead = entries.some(({ fields }, index) => fields === null && isAhead(index));
  return [
    ...(stream.head ? beginCommands(key, { head, facts, isEmpty: entries.length === 0 }) : []),
    ...entries.map(({ id, fields }): CommandLine => ["XADD", key, id, ...(fields ?? PLACEHOLDER)]),
    ...pending.map(({ group, id, consumer, timeMs, deliveries }): CommandLine => [
      ...(["XCLAIM", key, head.groups[group]?.name ?? "", consumer, 0, id] as const),
      ...["TIME", timeMs, "RETRYCOUNT", deliveries, "JUSTID", "FORCE"],
    ]),
    ...(deleted.length > 0 ? [["XDEL", key, ...deleted] satisfies CommandLine] : []),
    ...(hasAhead ? [["XTRIM", key, "MAXLEN", kept.length] satisfies CommandLine] : []),
  ];
}

/** The stream itself where no entry makes it, its groups, and consumers that have nothing pending too. */
function beginCommands(key: Buffer, { head, facts, isEmpty }: Pick<StreamRestore, "head" | "facts"> & { isEmpty: boolean }): CommandLine[] {
  const { last, groups } = head;
  const consumer = (group: Buffer, name: Buffer): CommandLine =>
    speaks(facts, 6, 2) ? ["XGROUP", "CREATECONSUMER", key, group, name] : ["XREADGROUP", "GROUP", group, name, "COUNT", 1, "STREAMS", key, 0];
  return [
    ...(isEmpty && groups.length === 0 ? [["XADD", key, "MAXLEN", 0, last === "0-0" ? "0-1" : last, ...PLACEHOLDER] satisfies CommandLine] : []),
    ...groups.flatMap(({ name, consumers }): CommandLine[] => [
      ["XGROUP", "CREATE", key, name, "0-0", "MKSTREAM"],
      ...consumers.map((one) => consumer(name, one)),
    ]),
  ];
}

/** The counters, when all entries are there. */
function endCommands(key: Buffer, { head, facts }: Pick<StreamRestore, "head" | "facts">): CommandLine[] {
  const { last, added, maxDeleted, groups } = head;
  const counts = speaks(facts, 7);
  return [
    ["XSETID", key, last, ...(counts && added !== null && maxDeleted !== null ? ["ENTRIESADDED", added, "MAXDELETEDID", maxDeleted] : [])],
    ...groups.map((group): CommandLine => [
      "XGROUP",
      "SETID",
      key,
      group.name,
      group.last,
      ...(counts && group.read !== null ? ["ENTRIESREAD", group.read] : []),
    ]),
  ];
}
