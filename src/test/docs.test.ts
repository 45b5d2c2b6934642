/** The documents say what the code does: settings, paths, the two commands. */
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { EnvSchema } from "@/env";

const read = (path: string): string => readFileSync(path, "utf8");
const settings = Object.entries(EnvSchema.shape).map(([name, schema]) => ({ name, description: schema.description ?? "" }));

describe("settings", () => {
  test("the table of README.md is env.ts, name by name", () => {
    const rows = [...read("README.md").matchAll(/^\| `([A-Z_]+)` \| (?:`([^`]*)`)? ?\| (.+) \|$/gm)].map((row) => ({ name: row[1], description: row[3] }));
    expect(rows).toEqual(settings);
  });

  test(".env.example has every setting in the same order with the same words", () => {
    const rows = [...read(".env.example").matchAll(/^# (.+)\n#([A-Z_]+)=/gm)].map((row) => ({ name: row[2], description: row[1] }));
    expect(rows).toEqual(settings);
  });

  test("the defaults of the table are those of env.ts", () => {
    const defaults = EnvSchema.parse({});
    for (const [, name = "", value] of read("README.md").matchAll(/^\| `([A-Z_]+)` \| `([^`]*)` \|/gm)) {
      expect(`${name}=${String(defaults[name as keyof typeof defaults])}`).toBe(`${name}=${value}`);
    }
  });
});

describe("the map", () => {
  test("every path it names is there", () => {
    const named = [...read("src/README.md").matchAll(/`([a-z][\w./()[\]-]*\/[\w./()[\]-]*|[a-z-]+\.(?:ts|tsx|mjs))`/g)].map((match) => match[1] ?? "");
    const missing = named.filter(
      (path) =>
        ![
          "",
          "src/",
          "src/app/(console)/manage-dbs/",
          "src/app/(console)/",
          "src/trpc/",
          "src/server/",
          "src/backups/",
          "src/test/",
          "src/components/",
          "src/setup/",
          "src/app/api/",
        ].some((base) => existsSync(`${base}${path}`)),
    );
    expect(missing).toEqual([]);
    expect(named.length).toBeGreaterThan(20);
  });

  test("it stays short enough to be read", () => {
    expect(read("src/README.md").split("\n").length).toBeLessThanOrEqual(120);
  });
});

test("every link of README.md leads somewhere", () => {
  const links = [...read("README.md").matchAll(/\]\(([^)#:]+)\)/g)].map((match) => match[1] ?? "");
  expect(links.filter((link) => !existsSync(link))).toEqual([]);
});

test(".ci/run does npm test and nothing else", () => {
  const commands = read(".ci/run")
    .split("\n")
    .filter((line) => line.trim() !== "" && !line.startsWith("#") && !/^set -|^cd /.test(line));
  expect(commands.map((line) => line.replace(/^exec /, "").trim())).toEqual(["npm test"]);
});
