/** The console keeps its import rules, and each rule fires on a file that breaks it. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { cruise, type ICruiseResult } from "dependency-cruiser";
import extractTSConfig from "dependency-cruiser/config-utl/extract-ts-config";
import { afterAll, expect, test } from "vitest";
import { forbidden, options } from "@/test/import-rules.mjs";

async function violations(folders: string[], baseDir = process.cwd()): Promise<ICruiseResult> {
  const settings = { ...options, baseDir, validate: true, ruleSet: { forbidden } };
  const { output } = await cruise(folders, settings, undefined, { tsConfig: extractTSConfig(join(process.cwd(), "tsconfig.json")) });
  if (typeof output === "string") throw new Error(output);
  return output;
}

const named = (result: ICruiseResult) => result.summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`);

test("the console keeps its import rules", async () => {
  const result = await violations(["src", "prisma-free-migrations"]);
  expect(named(result)).toEqual([]);
  // A cruiser that cannot read TypeScript finds nothing and is content; here it has followed an alias and a type.
  expect(result.summary.totalCruised).toBeGreaterThan(100);
  const service = result.modules.find(({ source }) => source === "src/sql/tables.service.ts");
  expect(service?.dependencies.map(({ resolved }) => resolved)).toContain("src/server/connection.ts");
});

const manage = "src/app/(console)/manage-dbs";

/** One known-bad file a rule: its path, and what it must not import. */
const bad: [rule: string, file: string, text: string, others?: Record<string, string>][] = [
  ["no-cycles", "src/server/a.ts", 'import { b } from "./b";\nexport const a = b;', { "src/server/b.ts": 'import { a } from "./a";\nexport const b = a;' }],
  ["lib-stands-alone", "src/lib/a.ts", 'import { b } from "../server/b";\nexport const a = b;'],
  ["components-know-no-feature", "src/components/a.tsx", 'import { b } from "../sql/b";\nexport const a = b;'],
  ["kits-know-no-engine", "src/backups/a.ts", `import { b } from "../app/(console)/manage-dbs/redis/b";\nexport const a = b;`],
  ["server-knows-no-screen", "src/server/a.ts", 'import { b } from "../components/b";\nexport const a = b;'],
  ["engines-are-strangers", `${manage}/redis/a.ts`, 'import { b } from "../mongodb/b";\nexport const a = b;'],
  ["engines-are-strangers", `${manage}/sqlite/tables/a.ts`, 'import type { b } from "../../postgres/b";\nexport const a: b = 1;'],
  ["driver-pg", "src/sql/a.ts", 'import pg from "pg";\nexport const a = pg;'],
  ["driver-ioredis", `${manage}/postgres/a.ts`, 'import type { Redis } from "ioredis";\nexport type A = Redis;'],
  ["driver-mongodb", "src/backups/a.ts", 'import { ObjectId } from "mongodb";\nexport const a = ObjectId;'],
  ["driver-better-sqlite3", "src/server/a.ts", 'import Database from "better-sqlite3";\nexport const a = Database;'],
  ["schemas-are-pure", `${manage}/redis/keys/keys.schema.ts`, 'import { b } from "./b";\nexport const a = b;'],
  ["panels-take-types-only", `${manage}/redis/keys/keys.panel.tsx`, 'import { b } from "./keys.service";\nexport const a = b;'],
  ["panels-take-types-only", "src/app/(console)/jobs/jobs.panel.tsx", 'import { b } from "../../../server/b";\nexport const a = b;'],
  ["services-know-no-framework", `${manage}/redis/keys/keys.service.ts`, 'import { cache } from "react";\nexport const a = cache;'],
  ["services-know-no-framework", "src/backups/a.service.ts", 'import { TRPCError } from "@trpc/server";\nexport const a = TRPCError;'],
  ["routers-speak-no-driver", `${manage}/redis/keys/keys.router.ts`, 'import { Redis } from "ioredis";\nexport const a = Redis;'],
  ["no-junk-drawers", "src/server/a.ts", 'import { b } from "./utils";\nexport const a = b;', { "src/server/utils.ts": "export const b = 1;" }],
  ["console-without-its-tools", "src/server/a.ts", 'import { b } from "../test/b";\nexport const a = b;'],
  ["no-tests-imported", "src/server/a.ts", 'import { b } from "./b.test";\nexport const a = b;', { "src/server/b.test.ts": "export const b = 1;" }],
  ["only-what-is-installed", "src/server/a.ts", 'import fc from "fast-check";\nexport const a = fc;'],
  ["resolves", "src/server/a.ts", 'import { b } from "./nowhere";\nexport const a = b;'],
];

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

test.for(bad)("%s fires", async ([rule, file, text, others = {}]) => {
  mkdirSync(".test", { recursive: true });
  const folder = mkdtempSync(join(process.cwd(), ".test", "import-rules-"));
  folders.push(folder);
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module", dependencies: {}, devDependencies: { "fast-check": "*" } }));
  const target = /from "(\.[^"]+)"/.exec(text)?.[1];
  const files: Record<string, string> = { ...others, [file]: text };
  // Every other relative target exists, so that only the rule in question can fire on it.
  if (target && rule !== "resolves" && Object.keys(others).length === 0)
    files[join(dirname(file), `${target}.ts`)] = "export const b = 1;\nexport type b = number;";
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), `${content}\n`);
  }
  expect(new Set((await violations(["src"], folder)).summary.violations.map((found) => found.rule.name))).toContain(rule);
});

test("every rule has a file that breaks it", () => {
  expect(new Set(bad.map(([rule]) => rule))).toEqual(new Set(forbidden.map(({ name }) => name)));
});
