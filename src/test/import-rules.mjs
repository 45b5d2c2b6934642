/** Who may import whom, for dependency-cruiser. `src/README.md` says it in words; import-rules.test.ts proves each rule on a file that breaks it. */

const engines = "^src/app/\\(console\\)/manage-dbs/([^/]+)/";
/** Tests, and what only tests start: `redis.test-server.ts`. */
const tests = "\\.test\\.tsx?$|\\.test-[a-z-]+\\.tsx?$";
const apart = "^src/(test|bench|setup)/";

const rule = (name, comment, from, to) => ({ name, comment, severity: "error", from, to });

/** @type {NonNullable<import("dependency-cruiser").IConfiguration["forbidden"]>} */
export const forbidden = [
  rule("no-cycles", "Two files that need each other are one thing, or need a third.", {}, { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } }),
  rule(
    "lib-stands-alone",
    "lib is pure: it knows nothing of the console but the registry of engines.",
    { path: "^src/lib/", pathNot: tests },
    { path: "^src/", pathNot: "^src/(lib/|engines\\.ts$)" },
  ),
  rule(
    "components-know-no-feature",
    "Components take plain data: nothing of engines, sql, backups or the server.",
    { path: "^src/components/", pathNot: tests },
    { path: "^src/(sql|backups|app|server|trpc|env)", dependencyTypesNot: ["type-only"] },
  ),
  rule(
    "kits-know-no-engine",
    "sql and backups are shared by engines and shell, and import neither.",
    { path: "^src/(sql|backups)/", pathNot: tests },
    { path: "^src/app/", pathNot: "^src/app/fonts\\.ts$" },
  ),
  rule(
    "server-knows-no-screen",
    "What runs on the server never reaches into pages.",
    { path: "^src/server/", pathNot: tests },
    { path: "^src/(app|components)/" },
  ),
  rule(
    "engines-are-strangers",
    "One engine never imports another: shared code moves down to sql, backups, components or lib.",
    { path: engines },
    { path: "^src/app/\\(console\\)/manage-dbs/[^/]+/", pathNot: "^src/app/\\(console\\)/manage-dbs/$1/" },
  ),
  ...[
    ["pg", "(^|/)node_modules/(@types/)?(pg|pg-copy-streams|pg-cursor)/", "postgres", ""],
    ["ioredis", "(^|/)node_modules/(@types/)?ioredis/", "redis", ""],
    ["mongodb", "(^|/)node_modules/(mongodb|bson|mongodb-schema)/", "mongodb", ""],
    ["better-sqlite3", "(^|/)node_modules/(@types/)?better-sqlite3/", "sqlite", "|^src/server/control-plane/|^prisma-free-migrations/"],
  ].map(([name, path, engine, also]) =>
    rule(
      `driver-${name}`,
      `${name} is used in the folder of its engine only.`,
      { path: "^(src|prisma-free-migrations)/", pathNot: `^src/app/\\(console\\)/manage-dbs/${engine}/${also}|${apart}|${tests}` },
      { path },
    ),
  ),
  rule(
    "schemas-are-pure",
    "Server and browser both import a schema: zod, lib and other schemas only.",
    { path: "\\.schema\\.ts$" },
    {
      path: ".",
      pathNot: "(^|/)node_modules/(zod|trpc-to-openapi)/|^src/lib/|\\.schema\\.ts$|^src/engines\\.ts$|^src/server/limits\\.ts$",
      dependencyTypesNot: ["type-only"],
    },
  ),
  rule(
    "panels-take-types-only",
    "A panel runs in the browser: from server files it takes types.",
    { path: "\\.panel\\.tsx$" },
    {
      path: "\\.(service|client|errors|codec|router|repo|backup)\\.ts$|^src/(server|env)",
      pathNot: "^src/server/limits\\.ts$",
      dependencyTypesNot: ["type-only"],
    },
  ),
  rule(
    "services-know-no-framework",
    "A service, client or codec is callable from a script: no React, no Next, no tRPC.",
    { path: "\\.(service|client|codec|errors|repo|backup)\\.ts$" },
    { path: "(^|/)node_modules/(react|react-dom|next|next-auth|@trpc)/|^src/trpc/", dependencyTypesNot: ["type-only"] },
  ),
  rule(
    "routers-speak-no-driver",
    "A router names an action and a schema and calls one service.",
    { path: "\\.router\\.ts$" },
    { path: "(^|/)node_modules/(pg|ioredis|mongodb|bson|better-sqlite3|kysely)/" },
  ),
  rule(
    "no-junk-drawers",
    "A name says what is inside: no index, utils, helpers or types.",
    { path: "^src/" },
    { path: "/(index|utils|helpers|types)\\.tsx?$", pathNot: "(^|/)node_modules/" },
  ),
  rule(
    "console-without-its-tools",
    "The console needs nothing of its tests, benchmarks and setup.",
    { path: "^src/", pathNot: `${apart}|${tests}` },
    { path: apart },
  ),
  rule("no-tests-imported", "A test is imported by nothing.", {}, { path: "\\.test\\.tsx?$" }),
  rule(
    "only-what-is-installed",
    "What the console imports is in dependencies, not in devDependencies, and resolves.",
    { path: "^src/", pathNot: `${apart}|${tests}|^src/app/.*/api/` },
    { dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"], dependencyTypesNot: ["type-only"], pathNot: "(^|/)node_modules/@types/" },
  ),
  rule("resolves", "An import that leads nowhere.", {}, { couldNotResolve: true }),
];

/** @type {import("dependency-cruiser").ICruiseOptions} */
export const options = {
  tsPreCompilationDeps: true,
  tsConfig: { fileName: "tsconfig.json" },
  doNotFollow: { path: "node_modules" },
  enhancedResolveOptions: {
    extensions: [".ts", ".tsx", ".mjs", ".js", ".d.ts", ".json"],
    exportsFields: ["exports"],
    conditionNames: ["import", "require", "node", "default", "types"],
  },
};
