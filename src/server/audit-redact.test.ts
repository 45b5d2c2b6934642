import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { maskCredentials, redactInput } from "@/server/audit-redact";
import { Secret } from "@/server/secret";

describe("redactInput", () => {
  it("hides what is named like a secret, at any depth, and keeps what an engine calls key", () => {
    const input = {
      connection: "main",
      key: { text: "session:web:7f3c09e2" },
      password: "p",
      newPassword: "p",
      url: "redis://u:p@h",
      databaseUrl: "x",
      apiKey: "k",
      nested: [{ accessToken: "t", Authorization: "Bearer x", client_secret: "s" }],
      wrapped: new Secret("s"),
    };
    const json = JSON.parse(redactInput(input)) as Record<string, unknown>;
    expect(json).toEqual({
      connection: "main",
      key: { text: "session:web:7f3c09e2" },
      password: "***",
      newPassword: "***",
      url: "***",
      databaseUrl: "***",
      apiKey: "***",
      nested: [{ accessToken: "***", Authorization: "***", client_secret: "***" }],
      wrapped: "***",
    });
  });

  it("hides passwords inside texts", () => {
    expect(redactInput({ text: "see postgres://me:hunter2@db1:5432/x" })).not.toContain("hunter2");
    expect(maskCredentials("ALTER ROLE a PASSWORD 'it''s me' VALID")).toBe("ALTER ROLE a PASSWORD '***' VALID");
    expect(maskCredentials("mongodb+srv://a:b%40c@h/?x=1 and https://plain.example/a:b@c")).toBe("mongodb+srv://a:***@h/?x=1 and https://plain.example/a:b@c");
    expect(maskCredentials("redis://:p@ss@h:1/0")).toBe("redis://:***@h:1/0");
    expect(redactInput({ text: `${"x".repeat(2_000)} postgres://me:hunter2@db1` })).not.toContain("hunter2");
    expect(redactInput({ text: `${"x".repeat(1_005)} postgres://me:hunter2@db1` })).not.toMatch(/hunt/);
  });

  it("costs no more than the length of a hostile text", () => {
    const started = performance.now();
    for (const unit of ["x", "a:", "://", "://a:", "password ", "password='", "password =: ", "'"]) maskCredentials(unit.repeat(1_000_000 / unit.length));
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  it("is JSON of at most 4 KiB for any input", () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withDate: true, withTypedArray: true, maxDepth: 5 }), (input) => {
        const text = redactInput(input);
        JSON.parse(text);
        expect(Buffer.byteLength(text)).toBeLessThanOrEqual(4_096);
      }),
    );
    const wide = Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`field ${index}`, "😀".repeat(500)]));
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    for (const input of [wide, circular, "x".repeat(1e6), Array.from({ length: 1e5 }, () => wide), undefined, 10n, Symbol("x")]) {
      const text = redactInput(input);
      JSON.parse(text);
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(4_096);
    }
  });
});
