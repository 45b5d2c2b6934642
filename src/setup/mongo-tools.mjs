#!/usr/bin/env node
/**
 * Builds the real mongodump, mongorestore and bsondump from the Go module proxy into .tools/mongo-tools (about 15 s),
 * so that the tests can hold our archives against them. Needs Go; prints the directory, or why there is none.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const VERSION = "v0.0.0-20240723193119-837c2bc263f4";
const TOOLS = ["mongodump", "mongorestore", "bsondump"];
const MODULE = "github.com/mongodb/mongo-tools";

/**
 * @param {string} root directory of the project
 * @returns {{ directory: string } | { reason: string }}
 */
export function buildMongoTools(root) {
  const directory = join(root, ".tools", "mongo-tools");
  if (TOOLS.every((tool) => existsSync(join(directory, tool)))) return { directory };
  const probe = spawnSync("go", ["version"], { encoding: "utf8" });
  if (probe.error || probe.status !== 0)
    return { reason: "Go not found: the tests against the real mongodump and mongorestore are skipped. Install Go 1.21 or newer to run them." };

  const work = join(root, ".tools", `mongo-tools-${process.pid}`);
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  const run = (/** @type {string[]} */ parameters) =>
    execFileSync("go", parameters, {
      cwd: work,
      stdio: ["ignore", "ignore", "pipe"],
      encoding: "utf8",
      env: { ...process.env, GOFLAGS: "-mod=mod -buildvcs=false" },
    });
  try {
    writeFileSync(join(work, "go.mod"), "module tools\n\ngo 1.21\n");
    // `go install pkg@version` asks for the module's list of versions, which not every proxy serves; a pinned requirement does not.
    for (const tool of TOOLS) run(["get", `${MODULE}/${tool}/main@${VERSION}`]);
    for (const tool of TOOLS) run(["build", "-o", tool, `${MODULE}/${tool}/main`]);
    rmSync(directory, { recursive: true, force: true });
    renameSync(work, directory);
    return { directory };
  } catch (error) {
    rmSync(work, { recursive: true, force: true });
    const lines = String(error instanceof Error && "stderr" in error ? error.stderr : error)
      .trim()
      .split("\n");
    return { reason: `The MongoDB tools could not be built: ${lines.at(-1)}` };
  }
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const result = buildMongoTools(process.cwd());
  console.log("directory" in result ? result.directory : result.reason);
  process.exitCode = "directory" in result ? 0 : 1;
}
