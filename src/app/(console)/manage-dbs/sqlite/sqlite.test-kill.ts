/** For tests: runs sqlite.test-swap-child.ts and kills it. */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Order } from "./sqlite.test-swap-child";

/** The aliases and missing extensions of our imports, for a process without a bundler. */
const LOADER = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from "node:module";
  import { existsSync } from "node:fs";
  import { fileURLToPath, pathToFileURL } from "node:url";
  const source = ${JSON.stringify(join(process.cwd(), "src"))};
  registerHooks({ resolve(name, context, next) {
    if (name === "server-only") return { url: pathToFileURL(source + "/../node_modules/server-only/empty.js").href, shortCircuit: true };
    const path = name.startsWith("@/") ? source + name.slice(1) : name.startsWith(".") && context.parentURL?.includes("node_modules") === false ? fileURLToPath(new URL(name, context.parentURL)) : null;
    if (path !== null && !existsSync(path) && existsSync(path + ".ts")) return next(pathToFileURL(path + ".ts").href, context);
    return path !== null && name.startsWith("@/") ? next(pathToFileURL(path).href, context) : next(name, context);
  } });
`)}`;

interface Ended {
  /** The points it passed; the last one is where it died. */
  points: string[];
  signal: NodeJS.Signals | null;
  problem: string;
}

/** From outside: so long after it has printed this. Then it dies wherever it is, also inside SQLite. */
interface Shot {
  after: string;
  ms: number;
}

export function run(folder: string, order: Order, shot?: Shot): Promise<Ended> {
  const file = join(folder, `${randomBytes(6).toString("hex")}.json`);
  writeFileSync(file, JSON.stringify(order));
  const script = join(process.cwd(), "src/app/(console)/manage-dbs/sqlite/sqlite.test-swap-child.ts");
  const loader = order.kind === "put" ? [] : ["--import", LOADER];
  const child = spawn(process.execPath, [...loader, script, file], { stdio: ["ignore", "pipe", "pipe"] });
  let printed = "";
  let problem = "";
  let timer: NodeJS.Timeout | undefined;
  child.stdout.on("data", (chunk: Buffer) => {
    printed += chunk.toString();
    if (shot && printed.includes(shot.after)) timer ??= setTimeout(() => child.kill("SIGKILL"), shot.ms);
  });
  child.stderr.on("data", (chunk: Buffer) => (problem += chunk.toString()));
  return new Promise((resolve) =>
    child.on("close", (_code, signal) => {
      clearTimeout(timer);
      resolve({ points: printed.trimEnd().split("\n"), signal, problem });
    }),
  );
}
