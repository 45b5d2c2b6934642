import "server-only";
import { controlPlane } from "@/server/control-plane/database";
import { AppError } from "@/server/errors";
import { LIMITS } from "@/server/limits";
import { sha256Hex } from "@/server/secrets";
import { single } from "@/server/single";

/**
 * Slows down guessing. A try is booked as a failure before the password is looked at and given back when it was right,
 * so that many tries at the same moment do not all get in. Accounts that do not exist are slowed the same way.
 */

const FREE_FAILURES = 4;
const WAIT_MAX_SECONDS = 15 * 60;
const FORGET_MS = 24 * 60 * 60 * 1_000;
const REMEMBERED_MAX = 10_000;
const MINUTE_MS = 60_000;

interface Failures {
  count: number;
  /** Milliseconds; the time of the last failure while there is no wait. */
  lockedUntil: number;
}

interface Memory {
  /** Of accounts that do not exist, by the hash of the email. */
  strangers: Map<string, Failures>;
  /** Times of tries in the last minute, by address. */
  addresses: Map<string, number[]>;
  /** When a refusal was last written to the audit, by account or address. */
  reported: Map<string, number>;
}

const memory = (): Memory => single("sign-in-lockout", () => ({ strangers: new Map(), addresses: new Map(), reported: new Map() }));

/** Seconds to wait after so many failures in a row: none until the 5th, then 1, 2, 4 ... 900. */
export const waitAfter = (failures: number): number =>
  failures <= FREE_FAILURES ? 0 : Math.min(WAIT_MAX_SECONDS, 2 ** Math.min(failures - FREE_FAILURES - 1, 20));

/** Books a try of this account. @param account.userId null when nobody has this email @throws AppError TOO_MANY_REQUESTS */
export async function bookAccount(account: { userId: string | null; email: string }): Promise<void> {
  const locked = account.userId === null ? bookStranger(sha256Hex(account.email)) : await bookUser(account.userId);
  if (locked !== null) throw tooMany(locked);
}

/** The password was right: the account starts from nothing again. */
export async function clearAccount(userId: string): Promise<void> {
  await controlPlane().updateTable("users").set({ failed_sign_ins: 0, locked_until: null }).where("id", "=", userId).execute();
}

/** Books a try from this address: 20 a minute. @throws AppError TOO_MANY_REQUESTS */
export function bookAddress(address: string): void {
  const { addresses } = memory();
  const now = Date.now();
  const recent = (addresses.get(address) ?? []).filter((time) => now - time < MINUTE_MS);
  remember(addresses, address, recent);
  const oldest = recent[0];
  if (oldest !== undefined && recent.length >= LIMITS.signInsPerAddressPerMinute) throw tooMany(oldest + MINUTE_MS - now);
  recent.push(now);
}

/** The try was a good one: it does not count against the address. */
export function clearAddress(address: string): void {
  memory().addresses.get(address)?.pop();
}

/** Whether a refusal is worth a row of the audit: once a minute for each account and address, or a flood would fill the log. */
export function worthReporting(key: string): boolean {
  const { reported } = memory();
  const now = Date.now();
  if (now - (reported.get(key) ?? 0) < MINUTE_MS) return false;
  remember(reported, key, now);
  return true;
}

async function bookUser(userId: string): Promise<number | null> {
  return controlPlane()
    .transaction()
    .execute(async (transaction) => {
      const user = await transaction.selectFrom("users").select(["failed_sign_ins", "locked_until"]).where("id", "=", userId).executeTakeFirstOrThrow();
      const before = { count: user.failed_sign_ins, lockedUntil: user.locked_until === null ? 0 : Date.parse(user.locked_until) };
      const after = oneMore(before);
      if (after === null) return before.lockedUntil - Date.now();
      const change = { failed_sign_ins: after.count, locked_until: new Date(after.lockedUntil).toISOString() };
      await transaction.updateTable("users").set(change).where("id", "=", userId).execute();
      return null;
    });
}

function bookStranger(emailHash: string): number | null {
  const { strangers } = memory();
  const before = strangers.get(emailHash) ?? { count: 0, lockedUntil: 0 };
  const after = oneMore(before);
  if (after === null) return before.lockedUntil - Date.now();
  remember(strangers, emailHash, after);
  return null;
}

/** One failure more; null while the account waits. A day without failures forgets them. */
function oneMore(before: Failures): Failures | null {
  const now = Date.now();
  if (before.lockedUntil > now) return null;
  const count = now - before.lockedUntil > FORGET_MS ? 1 : before.count + 1;
  return { count, lockedUntil: now + waitAfter(count) * 1_000 };
}

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  const oldest = map.keys().next();
  if (map.size > REMEMBERED_MAX && !oldest.done) map.delete(oldest.value);
}

function tooMany(waitMs: number): AppError {
  const seconds = Math.max(1, Math.ceil(waitMs / 1_000));
  const wait = seconds < 60 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`;
  return new AppError("TOO_MANY_REQUESTS", "Too many wrong tries", { fix: `Wait ${wait}, then try again`, retryAfterSeconds: seconds });
}
