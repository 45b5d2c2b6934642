import "server-only";
import { createHash, hash } from "node:crypto";
import type { PortableRecord } from "./redis.portable-format";

/**
 * A hash over all elements of a key, part by part, that is equal for equal values: sets, hashes and sorted sets in any order, strings
 * and lists in theirs, fields that have expired left out. When a pending entry was last delivered is left out too: a server says how
 * long ago, not when.
 */
export class PortableDigest {
  readonly #nowMs: bigint;
  /** What servers count from 7.0 on: entries added and read, the highest deleted id. */
  readonly #withCounters: boolean;
  #lanes = new Uint32Array(8);
  #text = createHash("sha256");
  #count = 0;

  constructor({ nowMs, withCounters }: { nowMs: bigint; withCounters: boolean }) {
    this.#nowMs = nowMs;
    this.#withCounters = withCounters;
  }

  add(record: PortableRecord): void {
    if (record.isVoid) {
      this.#lanes = new Uint32Array(8);
      this.#text = createHash("sha256");
      this.#count = 0;
    } else if (record.stream) this.#addStream(record.stream);
    else if (record.type === "string") for (const parts of record.elements) for (const part of parts) this.#text.update(part);
    else for (const parts of record.elements) this.#addElement(record.type, parts);
  }

  get value(): string {
    return `${this.#count} ${Buffer.from(this.#lanes.buffer).toString("hex")} ${this.#text.copy().digest("hex")}`;
  }

  #addElement(type: string, parts: Buffer[]): void {
    const [first, second, third] = parts;
    if (third && BigInt(third.toString("latin1")) <= this.#nowMs) return;
    // Servers from 7.0 on forget the sign of zero when they pack it.
    const isZero = type === "zset" && second?.toString("latin1") === "-0";
    this.#mix(type === "list" ? `${this.#count}` : "", isZero && first ? [first, Buffer.from("0")] : parts);
    this.#count += 1;
  }

  #addStream({ head, entries, pending }: NonNullable<PortableRecord["stream"]>): void {
    if (head) {
      this.#mix(`head ${head.last} ${this.#withCounters ? `${head.added} ${head.maxDeleted}` : ""}`, []);
      for (const [index, { name, last, read, consumers }] of head.groups.entries()) {
        this.#mix(`group ${index} ${last} ${this.#withCounters ? read : ""}`, [name]);
        for (const consumer of consumers) this.#mix(`consumer ${index}`, [consumer]);
      }
    }
    for (const { id, fields } of entries) {
      if (fields === null) continue;
      this.#mix(`entry ${id}`, fields);
      this.#count += 1;
    }
    for (const { group, id, consumer, deliveries } of pending) this.#mix(`pending ${group} ${id} ${deliveries}`, [consumer]);
  }

  /** Sums of the eight words do not depend on the order. */
  #mix(place: string, parts: Buffer[]): void {
    const digest = hash("sha256", Buffer.concat([Buffer.from(`${place} `), ...parts.flatMap((part) => [Buffer.from(`${part.length}:`), part])]), "buffer");
    for (let lane = 0; lane < 8; lane++) this.#lanes[lane] = (this.#lanes[lane] ?? 0) + digest.readUInt32LE(lane * 4);
  }
}
