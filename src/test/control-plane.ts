import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * For tests: points this process at a fresh data directory with its own keys and brings its control plane up. Call it
 * before anything reads the environment.
 */
export async function temporaryControlPlane(settings: Record<string, string> = {}): Promise<{ directory: string; remove: () => Promise<void> }> {
  const directory = mkdtempSync(join(tmpdir(), "console-test-"));
  Object.assign(process.env, {
    CONSOLE_DATA_DIR: directory,
    AUTH_SECRET: randomBytes(32).toString("base64url"),
    ENCRYPTION_KEY: randomBytes(32).toString("base64"),
    LOG_LEVEL: "silent",
    ...settings,
  });
  const { controlPlane, migrate } = await import("@/server/control-plane/database");
  await migrate(controlPlane());
  return {
    directory,
    remove: async () => {
      await controlPlane().destroy();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
