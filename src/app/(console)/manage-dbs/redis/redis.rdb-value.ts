import "server-only";
import { damagedRdb, type RdbCursor } from "./redis.rdb-cursor";
import type { RdbFamily } from "./redis.rdb-types";

/** What a value is made of, as steps with a number of times each. */
const Step = {
  strings: 1,
  lengths: 2,
  raw: 3,
  /** String, double in text: a byte of length (253 and above: not a number or infinite, nothing follows) and its digits. */
  textScores: 4,
  /** String and double of eight bytes. */
  scores: 5,
  /** Container as a length, then a string. */
  nodes: 6,
  /** Expiry as a length, field, value. */
  fieldsAfterExpiry: 7,
  /** Field, value, expiry in eight bytes. */
  fieldsBeforeExpiry: 8,
  streamGroups: 9,
  streamPending: 10,
  streamConsumers: 11,
  moduleId: 12,
  modulePieces: 13,
  /** Added to a step: how often is yet to be read. */
  counted: 32,
} as const;

const STREAM_VERSIONS: Record<number, number> = { 15: 1, 19: 2, 21: 3 };
const STREAM_ID_BYTES = 16;
/** Id and delivery time; the number of deliveries follows as a length. */
const PENDING_BYTES = STREAM_ID_BYTES + 8;

/**
 * Passes over one value without looking into its strings, and can stop after any byte. Of a value of any size it holds
 * nothing but the list of steps still to be made.
 */
export class RdbValueWalker {
  /** Bytes to pass over before the next step. */
  skip = 0;
  /** Of a module's value: its type, nine bytes. */
  moduleId: Buffer | null = null;
  /** A stack of its own depth: an array that is emptied for every key would be allocated anew for every key. */
  readonly #steps: number[] = [];
  readonly #times: number[] = [];
  #depth = 0;
  #streamVersion = 0;

  start(type: number, family: RdbFamily): void {
    this.moduleId = null;
    this.#depth = 0;
    switch (type) {
      case 1:
      case 2:
      case 14:
        return this.#add(Step.strings | Step.counted, 1);
      case 3:
        return this.#add(Step.textScores | Step.counted, 2);
      case 4:
        return this.#add(Step.strings | Step.counted, 2);
      case 5:
        return this.#add(Step.scores | Step.counted, 1);
      case 7:
        return this.startModule(1);
      case 15:
      case 19:
      case 21:
        return this.#startStream(STREAM_VERSIONS[type] ?? 1);
      case 18:
        return this.#add(Step.nodes | Step.counted, 2);
      case 22:
        return family === "Valkey" ? this.#add(Step.fieldsBeforeExpiry | Step.counted, 2) : this.#add(Step.fieldsAfterExpiry | Step.counted, 3);
      case 24:
        this.#add(Step.fieldsAfterExpiry | Step.counted, 3);
        return this.#add(Step.raw, 8);
      case 25:
        this.#add(Step.strings, 1);
        return this.#add(Step.raw, 8);
      default:
        return this.#add(Step.strings, 1);
    }
  }

  /** A module's id and pieces; its auxiliary data has the same form. */
  startModule(ids: number): void {
    this.#add(Step.modulePieces, 1);
    this.#add(Step.moduleId, ids);
  }

  #startStream(version: number): void {
    this.#streamVersion = version;
    this.#add(Step.streamGroups | Step.counted, 1);
    // Entries and last id; from version 2 on also first id, greatest deleted id, entries ever added.
    this.#add(Step.lengths, version === 1 ? 3 : 8);
    this.#add(Step.strings | Step.counted, 2);
  }

  /** @returns whether the value is at its end; else it has used up the bytes it could. */
  walk(cursor: RdbCursor): boolean {
    for (;;) {
      if (this.skip > 0) {
        const passed = Math.min(this.skip, cursor.left);
        cursor.at += passed;
        this.skip -= passed;
        if (this.skip > 0) return false;
      }
      const top = this.#depth - 1;
      if (top < 0) return true;
      const isMade = (this.#times[top] ?? 0) === 0 ? this.#drop() : this.#make(cursor, top);
      if (!isMade) return false;
    }
  }

  #make(cursor: RdbCursor, top: number): boolean {
    const step = this.#steps[top] ?? 0;
    if (step > Step.counted) {
      if (!cursor.readCount()) return false;
      this.#steps[top] = step & ~Step.counted;
      this.#times[top] = cursor.length * (this.#times[top] ?? 0);
      return true;
    }
    switch (step) {
      case Step.strings:
      case Step.scores:
      case Step.fieldsBeforeExpiry:
        return this.#passStrings(cursor, top, step);
      case Step.lengths:
        return cursor.readLength() && this.#once(top);
      case Step.raw:
        this.skip = this.#times[top] ?? 0;
        return this.#drop();
      case Step.textScores:
        return this.#passTextScore(cursor, top);
      case Step.nodes:
        return this.#passLengthOrString(cursor, top, 2);
      case Step.fieldsAfterExpiry:
        return this.#passLengthOrString(cursor, top, 3);
      case Step.streamGroups:
        this.#once(top);
        return this.#enterGroup();
      case Step.streamPending:
        return this.#passPending(cursor, top);
      case Step.streamConsumers:
        this.#once(top);
        return this.#enterConsumer();
      case Step.moduleId:
        return this.#passModuleId(cursor, top);
      default:
        return this.#passModulePiece(cursor);
    }
  }

  /** As many as the bytes at hand hold: most of every file is here. */
  #passStrings(cursor: RdbCursor, top: number, step: number): boolean {
    let times = this.#times[top] ?? 0;
    const end = cursor.bytes.length;
    while (times > 0) {
      if (!cursor.readStringStart()) break;
      const behind = step === Step.strings || (step === Step.fieldsBeforeExpiry && times % 2 === 0) ? 0 : 8;
      times -= 1;
      const next = cursor.at + cursor.length + behind;
      if (next <= end) {
        cursor.at = next;
        continue;
      }
      this.skip = next - cursor.at;
      this.#times[top] = times;
      return true;
    }
    this.#times[top] = times;
    return times === 0;
  }

  #passLengthOrString(cursor: RdbCursor, top: number, period: number): boolean {
    if ((this.#times[top] ?? 0) % period === 0) return cursor.readLength() && this.#once(top);
    return this.#passString(cursor, top);
  }

  #passTextScore(cursor: RdbCursor, top: number): boolean {
    if ((this.#times[top] ?? 0) % 2 === 0) return this.#passString(cursor, top);
    if (cursor.left < 1) return false;
    const length = cursor.bytes[cursor.at] ?? 0;
    this.skip = length >= 253 ? 1 : 1 + length;
    return this.#once(top);
  }

  #passString(cursor: RdbCursor, top: number): boolean {
    if (!cursor.readStringStart()) return false;
    this.skip = cursor.length;
    return this.#once(top);
  }

  /** Name, last id (from version 2 on the entries read), what was delivered and not confirmed, consumers. */
  #enterGroup(): true {
    this.#add(Step.streamConsumers | Step.counted, 1);
    this.#add(Step.streamPending | Step.counted, 1);
    this.#add(Step.lengths, this.#streamVersion === 1 ? 2 : 3);
    this.#add(Step.strings, 1);
    return true;
  }

  /** Name, seen time (from version 3 on active time), ids delivered to it. */
  #enterConsumer(): true {
    this.#add(Step.raw | Step.counted, STREAM_ID_BYTES);
    this.#add(Step.raw, this.#streamVersion >= 3 ? 16 : 8);
    this.#add(Step.strings, 1);
    return true;
  }

  #passPending(cursor: RdbCursor, top: number): boolean {
    const from = cursor.at;
    if (cursor.left <= PENDING_BYTES) return false;
    cursor.at += PENDING_BYTES;
    if (cursor.readLength()) return this.#once(top);
    cursor.at = from;
    return false;
  }

  #passModuleId(cursor: RdbCursor, top: number): boolean {
    const from = cursor.at;
    if (!cursor.readLength()) return false;
    this.moduleId = Buffer.from(cursor.bytes.subarray(from, cursor.at));
    return this.#once(top);
  }

  /** A number that says what follows: 0 end, 1 and 2 whole numbers, 3 float, 4 double, 5 string. */
  #passModulePiece(cursor: RdbCursor): boolean {
    const from = cursor.at;
    if (!cursor.readLength()) return false;
    const kind = cursor.length;
    if (kind === 0) return this.#drop();
    if (kind > 5) throw damagedRdb("a module's value has a piece of unknown kind");
    if (kind === 3 || kind === 4) {
      this.skip = kind === 3 ? 4 : 8;
      return true;
    }
    if (kind === 5 ? cursor.readStringStart() : cursor.readLength()) {
      this.skip = kind === 5 ? cursor.length : 0;
      return true;
    }
    cursor.at = from;
    return false;
  }

  #add(step: number, times: number): void {
    this.#steps[this.#depth] = step;
    this.#times[this.#depth] = times;
    this.#depth += 1;
  }

  #once(top: number): true {
    this.#times[top] = (this.#times[top] ?? 0) - 1;
    return true;
  }

  #drop(): true {
    this.#depth -= 1;
    return true;
  }
}
