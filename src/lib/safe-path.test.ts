import fc from "fast-check";
import { expect, it } from "vitest";
import { safePath } from "@/lib/safe-path";

it("keeps paths of the console", () => {
  for (const path of ["/", "/backups", "/manage-dbs/redis/main/keys?pattern=a%2F%2Fb&x=//y#z"]) expect(safePath(path)).toBe(path);
});

it("A18: sends everything else home", () => {
  const hostile = [
    "",
    null,
    undefined,
    "x",
    "//evil",
    "///evil",
    "/\\evil",
    "\\/evil",
    "https://evil",
    "javascript:x",
    "/\n/evil",
    "/.//evil",
    "/x/..//evil",
    "/sign-in?next=/x",
    "/set-up",
    "/api/trpc",
    "/" + "x".repeat(3_000),
  ];
  for (const text of hostile) expect(safePath(text)).toBe("/");
});

it("A18: never leaves the origin, for any text", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.webUrl(),
        fc.string().map((text) => `/${text}`),
        fc.stringMatching(/^[/\\.@:\t?#a-z]{1,12}$/),
      ),
      (text) => {
        expect(new URL(safePath(text), "http://here.test").origin).toBe("http://here.test");
      },
    ),
    { numRuns: 2_000 },
  );
});
