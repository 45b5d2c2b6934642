import "server-only";
import { crc32 } from "node:zlib";

/**
 * A sum over the rows of a table that is the same in any order. A restore may put rows into other places of the table than they were in
 * (a short one into the gap a long one left), and the next dump then writes the same rows in another order.
 */

const LINE_FEED = 0x0a;

/** Adds up CRC-32s: as they are, and mixed, so that two that changed by opposite amounts do not cancel out. */
export class ItemSum {
  #plain = 0n;
  #mixed = 0n;
  #pendingPlain = 0;
  #pendingMixed = 0;
  #pending = 0;

  add(crc: number): void {
    this.#pendingPlain += crc;
    this.#pendingMixed += mixed(crc);
    // Sums of so many 32-bit numbers are exact.
    if ((this.#pending += 1) === 1_000_000) this.#flush();
  }

  get text(): string {
    this.#flush();
    return `${this.#plain.toString(16)}-${this.#mixed.toString(16)}`;
  }

  #flush(): void {
    this.#plain += BigInt(this.#pendingPlain);
    this.#mixed += BigInt(this.#pendingMixed);
    [this.#pendingPlain, this.#pendingMixed, this.#pending] = [0, 0, 0];
  }
}

/** The finalizer of MurmurHash3: every bit of the input moves every bit of the output. */
function mixed(crc: number): number {
  let hash = crc;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Fed with the text of one COPY; the line `\.` and what follows it are not rows. */
export class RowSums {
  readonly #sum = new ItemSum();
  #carry = 0;
  #carried = Buffer.alloc(0);
  #carriedBytes = 0;
  #isEnded = false;

  push(chunk: Buffer): void {
    let at = 0;
    for (let end = chunk.indexOf(LINE_FEED); end !== -1 && !this.#isEnded; end = chunk.indexOf(LINE_FEED, at)) {
      this.#row(chunk.subarray(at, end));
      at = end + 1;
    }
    if (this.#isEnded || at === chunk.length) return;
    const rest = chunk.subarray(at);
    // Only a whole row of two bytes can be the end: more need not be remembered.
    if (this.#carriedBytes + rest.length <= 2) this.#carried = Buffer.concat([this.#carried, rest]);
    this.#carry = crc32(rest, this.#carry);
    this.#carriedBytes += rest.length;
  }

  /** Of all rows. */
  end(): string {
    return this.#sum.text;
  }

  #row(bytes: Buffer): void {
    const length = this.#carriedBytes + bytes.length;
    if (length === 2 && Buffer.concat([this.#carried, bytes]).equals(END)) this.#isEnded = true;
    else this.#sum.add(crc32(bytes, this.#carry));
    this.#carry = 0;
    if (this.#carriedBytes > 0) this.#carried = EMPTY;
    this.#carriedBytes = 0;
  }
}

const END = Buffer.from("\\.");
const EMPTY = Buffer.alloc(0);
