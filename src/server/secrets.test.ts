import { randomBytes } from "node:crypto";
import { afterAll, expect, it } from "vitest";
import { newRequestId } from "@/server/logger";
import { equalSecrets, newToken, open, seal, sha256Hex } from "@/server/secrets";
import { temporaryControlPlane } from "@/test/control-plane";

const plane = await temporaryControlPlane();
afterAll(plane.remove);

it("K2: opens only what was sealed, only for what it was sealed for", () => {
  const sealed = seal("redis://u:p@ss 😀@h", "redis/main h:6379");
  expect(sealed).not.toContain("p@ss");
  expect(open(sealed, "redis/main h:6379")).toBe("redis://u:p@ss 😀@h");
  expect(seal("x", "a")).not.toBe(seal("x", "a"));
  expect(() => open(sealed, "redis/main evil:6379")).toThrow("altered or belongs to something else");
  const [version, keyId, iv, body = ""] = sealed.split(".");
  const bytes = Buffer.from(body, "base64url");
  for (let at = 0; at < bytes.length; at += 1) {
    const flipped = Buffer.from(bytes);
    flipped[at] = (flipped[at] ?? 0) ^ 1;
    expect(() => open([version, keyId, iv, flipped.toString("base64url")].join("."), "redis/main h:6379")).toThrow();
  }
  for (const broken of ["", "v1", "v2.a.b.c", `v1.${keyId}.${iv}.`, `v1.${keyId}..${body}`, `v1.${keyId}.${iv}.AAAA`])
    expect(() => open(broken, "redis/main h:6379")).toThrow();
  expect(() => open(`v1.00000000.${iv}.${body}`, "redis/main h:6379")).toThrow("another key");
});

it("makes tokens of 256 bits and compares them", () => {
  expect(Buffer.from(newToken(), "base64url")).toHaveLength(32);
  expect(newToken()).not.toBe(newToken());
  expect(sha256Hex("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const token = randomBytes(8).toString("hex");
  expect([equalSecrets(token, token), equalSecrets(token, `${token}x`), equalSecrets("", token)]).toEqual([true, false, false]);
});

it("numbers requests so that they sort by time", () => {
  const ids = [0, 1, 31, 32, 1e6, Date.now(), 2 ** 45].map((time) => newRequestId(time));
  expect(ids.every((id) => /^req_[0-9A-HJKMNP-TV-Z]{16}$/.test(id))).toBe(true);
  expect(ids.toSorted()).toEqual(ids);
  expect(new Set(Array.from({ length: 1_000 }, () => newRequestId(5))).size).toBe(1_000);
});
