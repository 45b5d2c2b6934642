import "server-only";
import { hash } from "node:crypto";

const WORDS = 3;
const FIRST_SLOTS = 1 << 12;

/**
 * Remembers which keys a SCAN has returned, in bounded memory.
 *
 * SCAN repeats a key only when the server shrinks its hash table, and then only keys of the buckets that merge with the one
 * the cursor stands at: the latest ones seen (dictScan walks in reverse binary order, so merging buckets are neighbours).
 * So the last `window` keys are always known, and up to twice as many; older ones are forgotten. 96 bits of SHA-256 stand
 * for a key: two keys taken for one another, which would lose one, has a chance of 1e-16 among five million, even for
 * names chosen by an enemy. With the default window two tables of 24 MiB are the most it takes (measured: 48 MiB after 3,100,000 keys).
 */
export class SeenKeys {
  readonly #window: number;
  #young = new FingerprintTable();
  #old: FingerprintTable | null = null;

  constructor(window = 1_500_000) {
    this.#window = window;
  }

  /** @returns true the first time, false for a key seen within the window. */
  add(key: Buffer): boolean {
    const words = fingerprint(key);
    if (this.#old?.has(words)) return false;
    if (!this.#young.add(words)) return false;
    if (this.#young.size >= this.#window) {
      this.#old = this.#young;
      this.#young = new FingerprintTable();
    }
    return true;
  }

  get bytes(): number {
    return this.#young.bytes + (this.#old?.bytes ?? 0);
  }
}

type Words = [number, number, number];

function fingerprint(key: Buffer): Words {
  const digest = hash("sha256", key, "buffer");
  return [digest.readUInt32LE(0), digest.readUInt32LE(4), digest.readUInt32LE(8)];
}

/** As many keys as one table of 24 MiB holds. */
export const KEY_SET_MAX = 1_500_000;

/** Which keys there are, by the same 96 bits: one of several equal parts of them, so that any number can be asked about in bounded memory. */
export class KeySet {
  readonly #part: number;
  readonly #parts: number;
  readonly #table = new FingerprintTable();

  /** @param parts how many there are; `part` counts from 0 */
  constructor({ part, parts }: { part: number; parts: number }) {
    this.#part = part;
    this.#parts = parts;
  }

  /** One of another part is left out. */
  add(key: Buffer): void {
    const words = fingerprint(key);
    if (this.#isOwn(words)) this.#table.add(words);
  }

  /** Whether a key is of this part and was not added. */
  lacks(key: Buffer): boolean {
    const words = fingerprint(key);
    return this.#isOwn(words) && !this.#table.has(words);
  }

  #isOwn([, , word]: Words): boolean {
    return word % this.#parts === this.#part;
  }
}

/** Open addressing over one typed array: 12 bytes a slot, no object a key. All zero means empty. */
class FingerprintTable {
  #slots = new Uint32Array(FIRST_SLOTS * WORDS);
  #capacity = FIRST_SLOTS;
  size = 0;

  get bytes(): number {
    return this.#slots.byteLength;
  }

  has(words: Words): boolean {
    return this.#find(words) === -1;
  }

  add(words: Words): boolean {
    const slot = this.#find(words);
    if (slot === -1) return false;
    this.#slots.set(words, slot);
    this.size += 1;
    if (this.size > this.#capacity * 0.75) this.#grow();
    return true;
  }

  /** The free slot for it, or -1 when it is there. */
  #find([a, b, c]: Words): number {
    const slots = this.#slots;
    let slot = (a & (this.#capacity - 1)) * WORDS;
    while ((slots[slot] ?? 0) !== 0 || (slots[slot + 1] ?? 0) !== 0 || (slots[slot + 2] ?? 0) !== 0) {
      if (slots[slot] === a && slots[slot + 1] === b && slots[slot + 2] === c) return -1;
      slot = (slot + WORDS) % slots.length;
    }
    return slot;
  }

  #grow(): void {
    const before = this.#slots;
    this.#capacity *= 2;
    this.#slots = new Uint32Array(this.#capacity * WORDS);
    for (let slot = 0; slot < before.length; slot += WORDS) {
      const words: Words = [before[slot] ?? 0, before[slot + 1] ?? 0, before[slot + 2] ?? 0];
      if (words[0] === 0 && words[1] === 0 && words[2] === 0) continue;
      this.#slots.set(words, this.#find(words));
    }
  }
}
