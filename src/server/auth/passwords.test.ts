import { describe, expect, it } from "vitest";
import { hashPassword, passwordProblem, verifyPassword } from "@/server/auth/passwords";

const mara = { email: "mara.lindqvist@foundry.example", name: "Mara Lindqvist" };

describe("passwordProblem", () => {
  it.each(["seven quiet lanterns drift", "x7#Kq9!vLm2$Rw5", "ñandú über 東京 łódź", "a".repeat(60) + "bcdefgh", "mara.lindqvist likes trams"])(
    "takes %s",
    (password) => {
      expect(passwordProblem(password, mara)).toBeNull();
    },
  );
  it.each([
    ["short one", "at least 15"],
    ["x".repeat(129), "at most 128"],
    ["aaaaaaaaaaaaaaaaaaa", "first that would be tried"],
    ["Correct-Horse Battery Staple!", "first that would be tried"],
    ["passwordpassword", "first that would be tried"],
    ["123456789012345", "first that would be tried"],
    ["abcdefghijklmnopq", "first that would be tried"],
    ["987654321098765", "first that would be tried"],
    ["Mara.Lindqvist!2026", "little more than the name"],
    ["mara.lindqvist@foundry.example", "little more than the name"],
  ])("does not take %s", (password, why) => {
    expect(passwordProblem(password, mara)).toContain(why);
  });
});

it("hashes with Argon2id as OWASP asks", async () => {
  const hash = await hashPassword("seven quiet lanterns drift");
  expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  expect(await verifyPassword("seven quiet lanterns drift", hash)).toBe(true);
  expect(await verifyPassword("seven quiet lanterns drifT", hash)).toBe(false);
  expect(await verifyPassword("nobody has this password", null)).toBe(false);
});
