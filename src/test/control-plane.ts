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

/** For tests: changes settings of the running process; an absent one of ADMIN_* and CONSOLE_URL becomes unset. */
export async function useSettings(
  settings: Partial<Record<"ADMIN_EMAIL" | "ADMIN_PASSWORD" | "ADMIN_API_TOKEN" | "CONSOLE_URL" | "TRUST_PROXY", string>>,
): Promise<void> {
  const { env } = await import("@/env");
  const unset = { ADMIN_EMAIL: undefined, ADMIN_PASSWORD: undefined, ADMIN_API_TOKEN: undefined, CONSOLE_URL: undefined, TRUST_PROXY: "off" };
  Object.assign(env(), unset, settings);
}
