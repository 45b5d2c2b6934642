import "server-only";
import { hash, verify } from "@node-rs/argon2";
import PQueue from "p-queue";
import { AppError } from "@/server/errors";
import { LIMITS } from "@/server/limits";
import { single } from "@/server/single";

/** Argon2id as OWASP asks: 19 MiB, two passes, one lane; about 25 ms. */
const ARGON2ID = { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

const AT_ONCE = 2;
const WAITING_MAX = 50;

const queue = (): PQueue => single("password-kdf", () => new PQueue({ concurrency: AT_ONCE }));

/** Hashing is the one expensive thing a stranger can ask for: two at once, fifty waiting, the rest is sent away. @throws AppError TOO_MANY_REQUESTS */
export function requireKdfRoom(): void {
  if (queue().size < WAITING_MAX) return;
  throw new AppError("TOO_MANY_REQUESTS", "Too many people sign in at this moment", { fix: "Try again in a few seconds", retryAfterSeconds: 3 });
}

async function inKdfQueue<T>(work: () => Promise<T>): Promise<T> {
  requireKdfRoom();
  return queue().add(work);
}

/** @returns the PHC text, `$argon2id$v=19$m=19456,t=2,p=1$...` @throws AppError TOO_MANY_REQUESTS */
export function hashPassword(password: string): Promise<string> {
  return inKdfQueue(() => hash(password, ARGON2ID));
}

/**
 * @param passwordHash null for a user who does not exist: the same work is done, and the answer is false
 * @throws AppError TOO_MANY_REQUESTS
 */
export async function verifyPassword(password: string, passwordHash: string | null): Promise<boolean> {
  const against = passwordHash ?? (await dummyHash());
  const equal = await inKdfQueue(() => verify(against, password));
  return equal && passwordHash !== null;
}

const dummyHash = (): Promise<string> => single("password-dummy-hash", () => hash("nobody has this password", ARGON2ID));

// Of what people type when 15 characters are asked for. Compared without case, spaces and signs.
const COMMON = new Set(
  `correcthorsebatterystaple qwertyuiopasdfgh qwertyuiopasdfghjkl asdfghjklqwertyuiop qwertyuiopasdfghjklzxcvbnm 1qaz2wsx3edc4rfv 1qaz2wsx3edc4rfv5tgb
  1q2w3e4r5t6y7u8i 1q2w3e4r5t6y7u8i9o0p zaq12wsxcde34rfv passwordpassword1 mypasswordissecure thisismypassword thisisapassword administrator1
  administrator123 administratorpassword adminpassword123 letmeinletmein1 welcomewelcome1 changemechangeme changemeplease iloveyouforever
  nevergonnagiveyouup thequickbrownfox thequickbrownfoxjumps maytheforcebewithyou superadministrator foundryconsole foundryconsole1 foundryconsole123
  trustnoonetrustnoone 123456789abcdefg abcdefg123456789 password123456789 1234567890password passwort123456789 motdepasse123456`
    .split(/\s+/)
    .filter(Boolean),
);
const SEQUENCES = "01234567890123456789abcdefghijklmnopqrstuvwxyzqwertyuiopasdfghjklzxcvbnm";

/** Why a password is not taken, as one sentence; null when it is. */
export function passwordProblem(password: string, about: { email: string; name: string }): string | null {
  if (password.length < LIMITS.passwordLengthMin)
    return `The password needs at least ${LIMITS.passwordLengthMin} characters; a few words are easiest to keep in mind`;
  if (password.length > LIMITS.passwordLengthMax) return `The password can have at most ${LIMITS.passwordLengthMax} characters`;
  const plain = password.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
  const reversed = [...SEQUENCES].reverse().join("");
  const personal = [about.email.toLowerCase(), about.email.toLowerCase().split("@")[0] ?? "", about.name.toLowerCase()].map((text) =>
    text.replace(/[^\p{L}\p{N}]/gu, ""),
  );
  if (COMMON.has(plain) || new Set(plain).size <= 4 || /^(.{1,9})\1+$/u.test(plain) || SEQUENCES.includes(plain) || reversed.includes(plain)) {
    return "This password is one of the first that would be tried; choose another";
  }
  if (personal.some((text) => text.length >= 4 && plain.replaceAll(text, "").length < 6))
    return "The password is little more than the name or the email address; choose another";
  return null;
}

/** @throws AppError INVALID */
export function requireGoodPassword(password: string, about: { email: string; name: string }): void {
  const problem = passwordProblem(password, about);
  if (problem !== null) throw new AppError("INVALID", problem);
}
