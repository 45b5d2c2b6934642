import "server-only";
import { makeRecord, notARecord, RECORD_TAIL_BYTES_MAX, type BackupRecord } from "./redis.backup-format";

const QUOTE = '"'.charCodeAt(0);
const DUMP_START = Buffer.from('"d":"');

/**
 * A record whose line comes in many parts: the payload is decoded part by part, so that a value of hundreds of megabytes
 * is never in memory as base64 as well.
 */
export class LongRecord {
  #head: Buffer | null = null;
  #dump: Buffer[] = [];
  /** Base64 digits that wait for the rest of their group of four. */
  #digits = "";
  #tail: Buffer | null = null;

  /** @param start the first bytes of the line, with the payload's beginning in them. @throws INVALID */
  constructor(start: Buffer) {
    const at = start.indexOf(DUMP_START);
    if (at < 0) throw notARecord();
    this.#head = start.subarray(0, at + DUMP_START.length);
    this.push(start.subarray(at + DUMP_START.length));
  }

  /** More of the line. */
  push(bytes: Buffer): void {
    if (this.#tail) return this.#pushTail(bytes);
    const end = bytes.indexOf(QUOTE);
    this.#decode(end < 0 ? bytes : bytes.subarray(0, end), end >= 0);
    if (end >= 0) {
      this.#tail = Buffer.alloc(0);
      this.#pushTail(bytes.subarray(end));
    }
  }

  /** The line has ended. @throws INVALID */
  finish(): BackupRecord {
    if (!this.#head || !this.#tail) throw notARecord();
    const dump = Buffer.concat(this.#dump);
    this.#dump = [];
    return makeRecord({ head: this.#head.toString("latin1"), dump, tail: this.#tail.toString("latin1") });
  }

  #pushTail(bytes: Buffer): void {
    this.#tail = Buffer.concat([this.#tail ?? Buffer.alloc(0), bytes]);
    if (this.#tail.length > RECORD_TAIL_BYTES_MAX) throw notARecord();
  }

  /** Only the last part may have padding. */
  #decode(bytes: Buffer, isLast: boolean): void {
    const digits = this.#digits + bytes.toString("latin1");
    // At least one digit waits: a group with padding is only known to be the last when the quote has come.
    const whole = isLast ? digits.length : Math.max(0, Math.floor((digits.length - 1) / 4) * 4);
    this.#digits = digits.slice(whole);
    const padding = !isLast ? 0 : digits.endsWith("==") ? 2 : digits.endsWith("=") ? 1 : 0;
    const decoded = Buffer.from(digits.slice(0, whole), "base64");
    if (whole % 4 !== 0 || decoded.length !== (whole / 4) * 3 - padding) throw notARecord();
    this.#dump.push(decoded);
  }
}
