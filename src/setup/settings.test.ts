import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ensureSecrets, parseEnvFile, portOf, readSettings } from "@/setup/settings.mjs";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "settings-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe(".env", () => {
  test("is KEY=VALUE lines, and nothing in a value is expanded", () => {
    const text = "# a comment\nA=1\n export B = two words \nC='single $A'\nD=\"a=b#c\"\nE=\n F=p$ss#word\nnot a line\r\nG=last\r\n";
    expect(parseEnvFile(text)).toEqual({ A: "1", B: "two words", C: "single $A", D: "a=b#c", E: "", F: "p$ss#word", G: "last" });
  });

  test("gives way to the environment, but not to an empty value in it", () => {
    writeFileSync(join(folder, ".env"), "PORT=4000\nHOST=::1\nLOG_LEVEL=debug\n");
    expect(readSettings(folder, { PORT: "5000", HOST: "" })).toEqual({ PORT: "5000", HOST: "::1", LOG_LEVEL: "debug" });
  });
});

describe("secrets", () => {
  test("are made once, for the owner only, and stay", () => {
    const data = join(folder, "data");
    const first = ensureSecrets(data, {});
    expect(statSync(join(data, "secrets.json")).mode & 0o777).toBe(0o600);
    expect(Buffer.from(first.ENCRYPTION_KEY, "base64")).toHaveLength(32);
    expect(first.AUTH_SECRET.length).toBeGreaterThanOrEqual(32);
    expect(ensureSecrets(data, {})).toEqual(first);
    expect(ensureSecrets(data, { AUTH_SECRET: "given" }).AUTH_SECRET).toBe("given");
  });

  test("that are damaged stop the start and are not replaced", () => {
    for (const damaged of ["", "{", "null", '{"AUTH_SECRET":"short","ENCRYPTION_KEY":"short"}']) {
      writeFileSync(join(folder, "secrets.json"), damaged);
      expect(() => ensureSecrets(folder, {})).toThrow(/is damaged/);
      expect(readFileSync(join(folder, "secrets.json"), "utf8")).toBe(damaged);
    }
  });

  test("given from outside leave no file", () => {
    ensureSecrets(folder, { AUTH_SECRET: "a", ENCRYPTION_KEY: "b" });
    expect(existsSync(join(folder, "secrets.json"))).toBe(false);
  });
});

test("a port is a number that can be listened on", () => {
  expect(portOf({})).toBe(3000);
  expect(portOf({ PORT: "8080" })).toBe(8080);
  for (const PORT of ["0", "70000", "abc", "80.5", "-1"]) expect(() => portOf({ PORT })).toThrow(/PORT is/);
});
