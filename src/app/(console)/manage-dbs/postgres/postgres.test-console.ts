/** Starts postgres.test-child.ts as a process of its own and waits until it has killed itself. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { ChildOrder } from "@/app/(console)/manage-dbs/postgres/postgres.test-child";

const CHILD = "app/(console)/manage-dbs/postgres/postgres.test-child.ts";

/** What the test runner does for imports, for plain Node, which strips types itself. */
const hooks = (source: string): string =>
  `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from "node:module";
  registerHooks({ resolve: (name, context, next) => name === "server-only" ? { url: "data:text/javascript,", shortCircuit: true }
    : name.startsWith("@/") ? next(${JSON.stringify(pathToFileURL(source).href)} + name.slice(1).replaceAll("(", "%28").replaceAll(")", "%29") + ".ts", context) : next(name, context) });
`)}`;

/** Resolves with the signal that ended it, or throws with what it said. */
export async function killedConsole(order: ChildOrder): Promise<NodeJS.Signals> {
  const source = join(process.cwd(), "src");
  const file = join(order.scratchDir, "order.json");
  writeFileSync(file, JSON.stringify(order));
  const child = spawn(process.execPath, ["--import", hooks(source), join(source, CHILD), file], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  if (signal === null) throw new Error(`the console ended with code ${code} before ${order.dieAt}: ${said}`);
  return signal;
}
