import { describe, expect, it } from "vitest";
import { AppError, type AppErrorCode } from "@/server/errors";
import { errorWord, redisError } from "./redis.errors";

const place = { address: "db1:6379" };

describe("what Redis answers", () => {
  it.each<[string, AppErrorCode]>([
    ["NOAUTH Authentication required.", "AUTH_FAILED"],
    ["WRONGPASS invalid username-password pair or user is disabled.", "AUTH_FAILED"],
    ["ERR invalid password", "AUTH_FAILED"],
    ["NOPERM this user has no permissions to run the 'set' command", "FORBIDDEN"],
    ["DENIED Redis is running in protected mode because protected mode is enabled", "AUTH_FAILED"],
    ["LOADING Redis is loading the dataset in memory", "UNREACHABLE"],
    ["READONLY You can't write against a read only replica.", "READ_ONLY"],
    ["MISCONF Redis is configured to save RDB snapshots", "READ_ONLY"],
    ["OOM command not allowed when used memory > 'maxmemory'.", "LIMIT_EXCEEDED"],
    ["MOVED 3999 127.0.0.1:6381", "UNSUPPORTED"],
    ["CROSSSLOT Keys in request don't hash to the same slot", "UNSUPPORTED"],
    ["WRONGTYPE Operation against a key holding the wrong kind of value", "CONFLICT"],
    ["BUSYKEY Target key name already exists.", "CONFLICT"],
    ["EXECABORT Transaction discarded because of: OOM command not allowed when used memory > 'maxmemory'.", "LIMIT_EXCEEDED"],
    ["BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.", "TIMEOUT"],
    ["ERR DB index is out of range", "NOT_FOUND"],
    ["ERR unknown command 'DUMP', with args beginning with: ", "UNSUPPORTED"],
    ["ERR DUMP payload version or checksum are wrong", "UNSUPPORTED"],
    ["ERR max number of clients reached", "LIMIT_EXCEEDED"],
    ["Command timed out", "TIMEOUT"],
    ["Socket timeout. Expecting data, but didn't receive any in 30000ms.", "TIMEOUT"],
    ["Connection is closed.", "UNREACHABLE"],
  ])("%s is %s, with what to do", (text, code) => {
    const error = redisError(new Error(text), place);
    expect(error.code).toBe(code);
    expect(error.fix).toMatch(/^[A-Z].*\.$/s);
    expect(error.detail).toContain(text.slice(0, 20));
  });
});

it.each<[string, AppErrorCode]>([
  ["ECONNREFUSED", "UNREACHABLE"],
  ["ENOTFOUND", "UNREACHABLE"],
  ["ETIMEDOUT", "UNREACHABLE"],
  ["SELF_SIGNED_CERT_IN_CHAIN", "UNREACHABLE"],
  ["CERT_HAS_EXPIRED", "UNREACHABLE"],
])("%s names the place", (code, expected) => {
  const error = redisError(Object.assign(new Error(`connect ${code}`), { code }), place);
  expect(error.code).toBe(expected);
  expect(error.message).toContain("db1:6379");
});

it("does not keep a command's arguments, passes what is known, and names what is not", () => {
  const thrown = Object.assign(new Error("WRONGPASS no"), { command: { name: "auth", args: ["alice", "s3cret"] } });
  expect(JSON.stringify(redisError(thrown, place).cause)).not.toContain("s3cret");
  const known = new AppError("CANCELLED", "Cancelled");
  expect(redisError(known, place)).toBe(known);
  expect(redisError(new Error("ERR something new"), { ...place, doing: "read a key" })).toMatchObject({ code: "INTERNAL", detail: "ERR something new" });
  expect(errorWord(new Error("BUSYKEY Target"))).toBe("BUSYKEY");
  expect(redisError(new Error(`ERR ${"x".repeat(5_000)}\nsecond line`), place).detail?.length).toBeLessThan(250);
});
