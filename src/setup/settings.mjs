/** Settings before the console runs: the environment, `.env`, and the secrets that the first start makes. */
import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { SetupError } from "./progress.mjs";

/**
 * How Node runs the console. Without them V8 lets garbage lie for as long as the machine has memory: with a million keys scanned
 * and pages of all engines read 550 MiB stayed resident, with them 300. Buffers of a stream go with the young generation's
 * collections: with room for 32 MiB an export of a million rows held 332 MiB, with 8 it holds 213 and is quicker. The image sets the
 * same by NODE_OPTIONS.
 */
export const memoryFlags = ["--max-semi-space-size=8", "--max-old-space-size=768"];

/**
 * Reads KEY=VALUE lines: `#` begins a comment line, quotes around a value are taken off, nothing is expanded.
 * @param {string} text
 * @returns {Record<string, string>}
 */
export function parseEnvFile(text) {
  const values = {};
  for (const line of text.split(/\r?\n/)) {
    const found = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*$/.exec(line);
    if (!found) continue;
    const [, key, raw] = found;
    values[key] = /^(["']).*\1$/.test(raw) && raw.length >= 2 ? raw.slice(1, -1) : raw;
  }
  return values;
}

/**
 * The environment over `.env`; empty values count as absent.
 * @param {string} root folder with `.env`
 * @param {Record<string, string | undefined>} environment
 */
export function readSettings(root, environment = process.env) {
  const file = join(root, ".env");
  const fromFile = existsSync(file) ? parseEnvFile(readFileSync(file, "utf8")) : {};
  const settings = { ...fromFile };
  for (const [key, value] of Object.entries(environment)) if (value !== undefined && (value !== "" || !(key in settings))) settings[key] = value;
  return settings;
}

/**
 * AUTH_SECRET and ENCRYPTION_KEY: from the settings, else from `secrets.json` of the data folder, which is made when it is not there.
 * A file that cannot be read stops the start: a new key would make every stored credential unreadable.
 * @param {string} dataDirectory absolute
 * @param {Record<string, string | undefined>} settings
 */
export function ensureSecrets(dataDirectory, settings) {
  mkdirSync(dataDirectory, { recursive: true, mode: 0o700 });
  if (settings.AUTH_SECRET && settings.ENCRYPTION_KEY) return { AUTH_SECRET: settings.AUTH_SECRET, ENCRYPTION_KEY: settings.ENCRYPTION_KEY };
  const file = join(dataDirectory, "secrets.json");
  if (!existsSync(file)) {
    const made = `${JSON.stringify({ AUTH_SECRET: randomBytes(32).toString("base64"), ENCRYPTION_KEY: randomBytes(32).toString("base64") }, null, 2)}\n`;
    const fresh = `${file}.${randomBytes(6).toString("hex")}`;
    writeFileSync(fresh, made, { mode: 0o600, flag: "wx" });
    try {
      // Unlike a rename this never replaces the secrets of a start at the same moment.
      linkSync(fresh, file);
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    } finally {
      rmSync(fresh, { force: true });
    }
  }
  chmodSync(file, 0o600);
  let kept;
  try {
    kept = JSON.parse(readFileSync(file, "utf8"));
  } catch {
    kept = {};
  }
  const isWhole =
    typeof kept?.AUTH_SECRET === "string" && kept.AUTH_SECRET.length >= 32 && Buffer.from(String(kept.ENCRYPTION_KEY ?? ""), "base64").length === 32;
  if (!isWhole) throw new SetupError(`${file} is damaged.`, "Put it back from a copy, or set AUTH_SECRET and ENCRYPTION_KEY as they were.");
  return { AUTH_SECRET: settings.AUTH_SECRET ?? kept.AUTH_SECRET, ENCRYPTION_KEY: settings.ENCRYPTION_KEY ?? kept.ENCRYPTION_KEY };
}

/** @param {string} root @param {Record<string, string | undefined>} settings */
export function dataDirectoryOf(root, settings) {
  return resolve(root, settings.CONSOLE_DATA_DIR || ".data");
}

/** @param {Record<string, string | undefined>} settings @returns {number} */
export function portOf(settings) {
  const port = Number(settings.PORT || 3000);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new SetupError(`PORT is ${settings.PORT}.`, "Set it to a number from 1 to 65535.");
  return port;
}
