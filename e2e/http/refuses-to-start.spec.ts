/** A4: the built console, started by itself without its secrets, says what is missing and does not serve. */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@playwright/test";
import { freePort } from "./own-console.ts";
import { root } from "../support/target.ts";

const secrets = { AUTH_SECRET: "a".repeat(32), ENCRYPTION_KEY: Buffer.alloc(32, 1).toString("base64") };

for (const missing of ["AUTH_SECRET", "ENCRYPTION_KEY"] as const) {
  test(`without ${missing}`, async () => {
    const data = mkdtempSync(join(tmpdir(), "console-no-secret-"));
    try {
      const port = await freePort();
      const { code, output } = await startedAlone(port, { CONSOLE_DATA_DIR: data, ...secrets, [missing]: "" });
      expect(code).toBe(1);
      expect(output).toContain(`${missing} is missing`);
      expect(output).not.toMatch(/\n\s+at /);
      expect(existsSync(join(data, "control-plane.sqlite")), "nothing was made").toBe(false);
      await expect(fetch(`http://127.0.0.1:${port}/api/health`)).rejects.toThrow();
    } finally {
      rmSync(data, { recursive: true, force: true });
    }
  });
}

/** Exit code and everything that was printed; ended after 30 seconds when it serves after all. */
function startedAlone(port: number, settings: Record<string, string>): Promise<{ code: number | null; output: string }> {
  const next = join(root, "node_modules", "next", "dist", "bin", "next");
  const child = spawn(process.execPath, [next, "start", "-H", "127.0.0.1", "-p", String(port)], {
    cwd: root,
    env: { PATH: process.env["PATH"], NODE_ENV: "production", NEXT_TELEMETRY_DISABLED: "1", ...settings },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 30_000,
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  return new Promise((resolve) => void child.once("close", (code) => resolve({ code, output })));
}
