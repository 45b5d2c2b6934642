import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { listAudit } from "@/server/audit";
import { waitAfter } from "@/server/auth/lockout";
import { signIn } from "@/server/auth/sign-in";
import { updateUser } from "@/server/control-plane/users.repo";
import { AppError } from "@/server/errors";
import { temporaryControlPlane } from "@/test/control-plane";
import { addPerson, PASSWORD } from "@/test/people";

const plane = await temporaryControlPlane();
afterAll(plane.remove);

let addresses = 0;
const newAddress = () => `10.9.${Math.floor(addresses / 250)}.${(addresses += 1) % 250}`;
const attempt = (email: unknown, password: unknown, address = newAddress()) => signIn({ email, password, address, userAgent: "test" });

async function refusal(work: Promise<unknown>): Promise<AppError> {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof AppError)) throw new Error(`expected an AppError, got ${String(error)}`);
  return error;
}

beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"], now: Date.now() }));
afterEach(() => void vi.useRealTimers());

describe("credentials", () => {
  it("opens a session for the right password, in any case of the email", async () => {
    const user = await addPerson();
    const { sessionId } = await attempt(` ${user.email.toUpperCase()} `, PASSWORD);
    expect(Buffer.from(sessionId, "base64url")).toHaveLength(32);
  });

  it("A5: what is not two texts is invalid, and too long ones are refused before any hashing", async () => {
    const user = await addPerson();
    for (const [email, password] of [
      ["", ""],
      [user.email, ""],
      [undefined, null],
      [[user.email], PASSWORD],
      [{ $ne: null }, { $ne: null }],
      [user.email, 12],
    ]) {
      expect((await refusal(attempt(email, password))).code).toBe("INVALID");
    }
    const started = performance.now();
    expect((await refusal(attempt(user.email, "x".repeat(10_000_000)))).code).toBe("INVALID");
    expect((await refusal(attempt(user.email, "x".repeat(129)))).code).toBe("INVALID");
    // A password that is looked at takes at least 150 ms; these never come so far.
    expect(performance.now() - started).toBeLessThan(100);
  });

  it("A6: an unknown user, a wrong password and a disabled account are answered alike, in the same time", async () => {
    const known = await addPerson();
    const disabled = await addPerson();
    await updateUser(disabled.id, { disabled: 1 });
    const timed = async (email: string, password: string) => {
      const started = performance.now();
      const error = await refusal(attempt(email, password));
      return { ms: performance.now() - started, says: { code: error.code, message: error.message, fix: error.fix } };
    };
    const samples = { unknown: [] as number[], wrong: [] as number[] };
    for (let round = 0; round < 12; round += 1) {
      const unknown = await timed(`nobody${round}@foundry.example`, "wrong password of somebody");
      const wrong = await timed(known.email, "wrong password of somebody");
      expect(wrong.says).toEqual(unknown.says);
      samples.unknown.push(unknown.ms);
      samples.wrong.push(wrong.ms);
      await updateUser(known.id, { failed_sign_ins: 0, locked_until: null });
    }
    expect((await timed(disabled.email, PASSWORD)).says).toEqual((await timed("nobody@foundry.example", PASSWORD)).says);
    const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
    expect(Math.abs(median(samples.wrong) - median(samples.unknown)) / median(samples.unknown)).toBeLessThan(0.1);
  });
});

describe("lockout", () => {
  it("waits 1 s from the 5th failure and doubles to 15 minutes", () => {
    expect([1, 4, 5, 6, 7, 14, 15, 1_000].map(waitAfter)).toEqual([0, 0, 1, 2, 4, 512, 900, 900]);
  });

  it.each(["somebody", "nobody"])("A7: the 6th try of %s waits, even with the right password; then it may", async (who) => {
    const user = who === "somebody" ? await addPerson() : { email: `${Math.random()}@foundry.example` };
    const other = await addPerson();
    for (let failure = 1; failure <= 5; failure += 1) expect((await refusal(attempt(user.email, "wrong password of somebody"))).code).toBe("UNAUTHENTICATED");
    const locked = await refusal(attempt(user.email, PASSWORD));
    expect(locked).toMatchObject({ code: "TOO_MANY_REQUESTS", retryAfterSeconds: 1 });
    await attempt(other.email, PASSWORD);
    vi.setSystemTime(Date.now() + 1_000);
    if (who === "nobody") {
      expect((await refusal(attempt(user.email, PASSWORD))).code).toBe("UNAUTHENTICATED");
      expect(await refusal(attempt(user.email, PASSWORD))).toMatchObject({ code: "TOO_MANY_REQUESTS", retryAfterSeconds: 2 });
      return;
    }
    await attempt(user.email, PASSWORD);
    expect((await refusal(attempt(user.email, "wrong password of somebody"))).code).toBe("UNAUTHENTICATED");
  });

  it("lets only five of fifty simultaneous guesses reach the password", async () => {
    const user = await addPerson();
    const codes = await Promise.all(Array.from({ length: 50 }, async () => (await refusal(attempt(user.email, "wrong password of somebody"))).code));
    expect(codes.filter((code) => code === "UNAUTHENTICATED")).toHaveLength(5);
    expect(codes.filter((code) => code === "TOO_MANY_REQUESTS")).toHaveLength(45);
  });

  it("takes 20 failures a minute from one address; good ones do not count", async () => {
    const user = await addPerson();
    const address = newAddress();
    for (let good = 0; good < 25; good += 1) await attempt(user.email, PASSWORD, address);
    for (let bad = 0; bad < 20; bad += 1) expect((await refusal(attempt(`x${bad}@foundry.example`, PASSWORD, address))).code).toBe("UNAUTHENTICATED");
    const refused = await refusal(attempt(user.email, PASSWORD, address));
    expect(refused.code).toBe("TOO_MANY_REQUESTS");
    expect(refused.retryAfterSeconds).toBeGreaterThan(50);
    await attempt(user.email, PASSWORD);
    vi.setSystemTime(Date.now() + 61_000);
    await attempt(user.email, PASSWORD, address);
  }, 120_000);

  it("A8: 200 sign-ins at once neither fail nor grow the process", async () => {
    const before = process.memoryUsage.rss();
    const codes = await Promise.all(Array.from({ length: 200 }, async (_, at) => (await refusal(attempt(`flood${at}@foundry.example`, PASSWORD))).code));
    expect(new Set(codes)).toEqual(new Set(["UNAUTHENTICATED", "TOO_MANY_REQUESTS"]));
    expect(process.memoryUsage.rss() - before).toBeLessThan(150 * 1024 * 1024);
  });
});

describe("audit", () => {
  it("L1: writes one row for a sign-in and one for a refusal, and never what was typed as a password", async () => {
    const user = await addPerson("operator");
    const address = newAddress();
    await attempt(user.email, PASSWORD, address);
    await refusal(attempt(user.email, "not the password at all", address));
    await refusal(attempt("my secret in the wrong field", PASSWORD, address));
    const { entries } = await listAudit({ search: address });
    expect(entries.map(({ actor_name, role, outcome, detail, action }) => ({ actor_name, role, outcome, detail, action }))).toEqual([
      { actor_name: "(not an email address)", role: null, outcome: "refused", detail: "no such account", action: "sign in" },
      { actor_name: user.name, role: "operator", outcome: "refused", detail: "wrong password", action: "sign in" },
      { actor_name: user.name, role: "operator", outcome: "allowed", detail: "password", action: "sign in" },
    ]);
    expect(JSON.stringify(entries)).not.toContain("my secret");
  });

  it("does not let a flood of refused tries fill the log", async () => {
    const user = await addPerson();
    const address = newAddress();
    for (let guess = 0; guess < 40; guess += 1) await refusal(attempt(user.email, "wrong password of somebody", address));
    const { entries } = await listAudit({ search: address });
    expect(entries.length).toBeLessThan(8);
  });
});
