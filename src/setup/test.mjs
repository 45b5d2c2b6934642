/**
 * `npm test`: everything that has to hold, on real servers. Installs what is missing, runs all steps also after one has failed, and
 * ends with the line `N passed, N failed, N skipped`.
 * `npm test -- --only types,unit` runs some steps; `npm test -- --servers` keeps the servers up for other runs, until Ctrl-C.
 */
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { ensureBuild } from "./build.mjs";
import { ensureChromium, missingChromiumPackages } from "./chromium.mjs";
import { lastLines, run } from "./processes.mjs";
import { say, seconds, SetupError } from "./progress.mjs";
import { ensureTestServers } from "./test-servers.mjs";
import { ensureToolchain, root } from "./toolchain.mjs";

const results = join(root, ".test", "results");
const minutes = (count) => count * 60_000;
let toolchain;
let servers = null;
let stopping = null;

/** A step answers with counts; `output` is shown when something failed. */
const steps = {
  types: () => commands(["next", "typegen"], ["tsc", "--noEmit"]),
  lint: () => commands(["oxlint", "--type-aware", "--deny-warnings"]),
  format: () => commands(["oxfmt", "--check"]),
  imports: () => vitest("imports", ["--project", "unit", "src/test/import-rules.test.ts"]),
  unused: () => commands(["knip", "--no-progress"]),
  unit: () => vitest("unit", ["--project", "unit", "--exclude", "src/test/import-rules.test.ts"]),
  engine: async () => (servers.missing.length > 0 ? failure(servers.missing.join("\n")) : vitest("engine", ["--project", "engine"])),
  build: async () => {
    await ensureBuild(toolchain);
    return { passed: 1, failed: 0, skipped: 0 };
  },
  browser: async () => {
    if (servers.missing.length > 0) return failure(servers.missing.join("\n"));
    return playwright(await ensureChromium(toolchain));
  },
  screenshots: async () => {
    if (servers.missing.length > 0) return failure(servers.missing.join("\n"));
    return playwright(await ensureChromium(toolchain), "screenshots");
  },
};
/** Only on demand: `npm run screenshots` makes the pictures of docs/screenshots anew. */
const onDemand = new Set(["screenshots"]);
const needServers = new Set(["engine", "browser", "screenshots"]);
const needChromium = new Set(["browser", "screenshots"]);

const failure = (output) => ({ passed: 0, failed: 1, skipped: 0, output });

/** Static steps: one count, whatever the number of commands. */
async function commands(...lines) {
  for (const [name, ...args] of lines) {
    const { code, output, timedOut } = await tool(name, args, minutes(10));
    if (code !== 0) return failure(timedOut ? `${name} has not ended after 10 minutes\n${output}` : output);
  }
  return { passed: 1, failed: 0, skipped: 0 };
}

function tool(name, args, timeoutMs, env = {}) {
  return run(join(root, "node_modules", ".bin", name), args, { cwd: root, env: { ...toolchain.env, FORCE_COLOR: "0", NO_COLOR: "1", ...env }, timeoutMs });
}

/**
 * Test files that fail run once more, by themselves: a server of the tests may have been replaced under them. What fails twice has failed;
 * what passes at the second try is named.
 */
async function vitest(name, args) {
  const first = await vitestRun(name, args);
  const again = first.report ? failedFiles(first.report) : [];
  if (again.length === 0) return counts(first);
  say(name, `${again.length} ${again.length === 1 ? "file" : "files"} failed, once more: ${again.join(", ")}`);
  process.stdout.write(`\n${lastLines(first.output, 200)}\n\n`);
  const second = await vitestRun(`${name}-again`, [...args, ...again]);
  return second.report ? counts({ ...second, report: withSecondTry(first.report, second.report) }) : counts(second);
}

async function vitestRun(name, args) {
  const file = join(results, `${name}.json`);
  rmSync(file, { force: true });
  const limit = args.includes("engine") ? 30 : 10;
  const { code, output, timedOut } = await tool(
    "vitest",
    ["run", ...args, "--reporter=default", "--reporter=json", `--outputFile.json=${file}`],
    minutes(limit),
  );
  const late = timedOut ? `\nNot at its end after ${limit} minutes: some file that is not listed above does not return.` : "";
  return { report: readReport(file), code, output: `${output}${late}` };
}

/** Paths from the root: vitest takes them as filters. */
function failedFiles(report) {
  return report.testResults.filter(({ status }) => status === "failed").map(({ name }) => relative(root, name));
}

/** The first report with the files of the second one in place of their first try. */
function withSecondTry(first, second) {
  const tried = new Map(second.testResults.map((result) => [result.name, result]));
  return { testResults: first.testResults.map((result) => tried.get(result.name) ?? result) };
}

function counts({ report, code, output }) {
  if (!report) return failure(output);
  const tests = report.testResults.flatMap(({ assertionResults }) => assertionResults);
  const having = (...states) => tests.filter(({ status }) => states.includes(status)).length;
  // A file may fail without a test of it: it cannot be loaded, or what it does before or after its tests fails.
  const brokenFiles = report.testResults.filter(
    ({ status, assertionResults }) => status === "failed" && !assertionResults.some((test) => test.status === "failed"),
  ).length;
  const passed = having("passed");
  const failed = having("failed") + brokenFiles;
  const nothing = passed + failed === 0;
  return { passed, failed: failed + (failed === 0 && (code !== 0 || nothing) ? 1 : 0), skipped: having("skipped", "pending", "todo", "disabled"), output };
}

async function playwright(chromium, project = "") {
  const file = join(results, "browser.json");
  rmSync(file, { force: true });
  const env = { ...servers.console, CHROMIUM_PATH: chromium, PLAYWRIGHT_JSON_OUTPUT_FILE: file, CI: "1" };
  const args = ["test", "--config", "e2e/playwright.config.ts", "--reporter=list,json", ...(project ? [`--project=${project}`] : [])];
  const { code, output } = await tool("playwright", args, minutes(45), env);
  const report = readReport(file);
  if (!report) return failure(output);
  const { expected, unexpected, flaky, skipped } = report.stats;
  if (flaky > 0) say("browser", `${flaky} passed at the second try only: ${secondTries(report).join("; ")}`);
  const failed = unexpected + (unexpected === 0 && (code !== 0 || expected === 0) ? 1 : 0);
  return { passed: expected + flaky, failed, skipped, output };
}

/** Titles of the tests that passed at the second try, from Playwright's report. */
function secondTries({ suites = [], specs = [] }) {
  const own = specs.filter((spec) => spec.tests.some((test) => test.status === "flaky")).map((spec) => `${spec.file}: ${spec.title}`);
  return [...own, ...suites.flatMap(secondTries)];
}

function readReport(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return null;
  }
}

function wantedSteps() {
  const at = process.argv.indexOf("--only");
  const names = at === -1 ? Object.keys(steps).filter((name) => !onDemand.has(name)) : (process.argv[at + 1] ?? "").split(",");
  const unknown = names.filter((name) => !(name in steps));
  if (unknown.length > 0) throw new SetupError(`There is no step ${unknown.join(", ")}.`, `The steps are ${Object.keys(steps).join(", ")}.`);
  return names;
}

function stop(code) {
  stopping ??= (async () => {
    await servers?.stop();
    process.exit(code);
  })();
  return stopping;
}

async function main() {
  const wanted = wantedSteps();
  const keepServers = process.argv.includes("--servers");
  toolchain = await ensureToolchain();
  mkdirSync(results, { recursive: true });
  if (keepServers || wanted.some((name) => needServers.has(name))) {
    servers = await ensureTestServers(toolchain, wanted.some((name) => needChromium.has(name)) ? missingChromiumPackages() : []);
  }
  if (keepServers) {
    for (const reason of servers.missing) say("Missing", reason);
    say("Servers", "running until Ctrl-C; addresses are in .test/servers.json");
    setInterval(() => {}, 60_000);
    return;
  }
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const name of wanted) {
    if (stopping) return;
    const counts = await runStep(name);
    for (const key of Object.keys(total)) total[key] += counts[key];
  }
  const code = total.failed > 0 ? 1 : 0;
  stopping ??= (async () => servers?.stop())();
  await stopping;
  // Written whole before the process ends, also into a pipe.
  process.stdout.write(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`, () => process.exit(code));
}

async function runStep(name) {
  const started = performance.now();
  const ticker = setInterval(() => say(name, `... ${Math.round((performance.now() - started) / 1000)} s so far`), 30_000);
  const counts = await steps[name]()
    .catch((error) => failure(error instanceof SetupError ? error.message : error.stack))
    .finally(() => clearInterval(ticker));
  if (counts.failed > 0) process.stdout.write(`\n${lastLines(counts.output ?? "", 400)}\n\n`);
  const parts = [
    `${counts.passed} passed`,
    ...(counts.failed > 0 ? [`${counts.failed} FAILED`] : []),
    ...(counts.skipped > 0 ? [`${counts.skipped} skipped`] : []),
  ];
  say(name, `${parts.join(", ")} (${seconds(performance.now() - started)})`);
  return counts;
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => void stop(signal === "SIGINT" ? 130 : 143));

main().catch(async (error) => {
  process.stdout.write(`${error instanceof SetupError ? `Cannot test: ${error.message}` : error.stack}\n`);
  await servers?.stop();
  process.stdout.write("0 passed, 1 failed, 0 skipped\n", () => process.exit(1));
});
