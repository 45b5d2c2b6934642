import "server-only";
/** The registry of connections: `main` of each engine from the environment, `control-plane`, and those an admin added. */
import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { ENGINE_IDS, ENGINES, type EngineId } from "@/engines";
import { env } from "@/env";
import type { Connection, Environment } from "@/server/connection";
import { controlPlane, controlPlanePath, isConsoleFile } from "@/server/control-plane/database";
import type { ConnectionsTable } from "@/server/control-plane/schema";
import { AppError } from "@/server/errors";
import { Secret } from "@/server/secret";
import { open } from "@/server/secrets";

export interface ConnectionEntry {
  id: string;
  engine: EngineId;
  name: string;
  environment: Environment;
  source: Connection["source"];
  address: string;
  database: string | null;
  /** Why there is nothing to connect to; then the entry only explains itself. */
  missing: { reason: string; fix: string } | null;
}

const VARIABLE: Record<EngineId, "SQLITE_ADMIN_PATH" | "REDIS_ADMIN_URL" | "POSTGRES_ADMIN_URL" | "MONGODB_ADMIN_URL"> = {
  sqlite: "SQLITE_ADMIN_PATH",
  redis: "REDIS_ADMIN_URL",
  postgres: "POSTGRES_ADMIN_URL",
  mongodb: "MONGODB_ADMIN_URL",
};
const MISSING = {
  sqlite: "SQLITE_ADMIN_MISSING",
  redis: "REDIS_ADMIN_MISSING",
  postgres: "POSTGRES_ADMIN_MISSING",
  mongodb: "MONGODB_ADMIN_MISSING",
} as const;

/** Every connection there is, in the order of the tabs; `main` first. Rights are not looked at here. */
export async function listConnections(): Promise<ConnectionEntry[]> {
  const stored = await controlPlane().selectFrom("connections").selectAll().orderBy("name").execute();
  return ENGINE_IDS.flatMap((engine) => [
    ...environmentEntry(engine),
    ...(engine === "sqlite" ? [entryOf(controlPlaneConnection())] : []),
    ...stored.filter((row) => row.engine === engine).map(storedEntry),
  ]);
}

/** @throws AppError NOT_FOUND for an unknown name, UNREACHABLE for a `main` that is not configured. */
export async function getConnection(engine: EngineId, name: string): Promise<Connection> {
  if (engine === "sqlite" && name === "control-plane") return controlPlaneConnection();
  if (name === "main") return environmentConnection(engine);
  const row = await controlPlane().selectFrom("connections").selectAll().where("id", "=", `${engine}/${name}`).executeTakeFirst();
  if (!row) throw noSuchConnection(engine, name);
  return storedConnection(row);
}

/** Whether a connection opens the console's own database or a copy of it: everybody's sessions and the audit log. */
export async function holdsControlPlane(id: string): Promise<boolean> {
  if (!id.startsWith("sqlite/")) return false;
  if (id === "sqlite/control-plane") return true;
  const path = id === "sqlite/main" ? env().SQLITE_ADMIN_PATH : await storedAddress(id);
  return path !== undefined && isConsoleFile(path);
}

async function storedAddress(id: string): Promise<string | undefined> {
  return (await controlPlane().selectFrom("connections").select("address").where("id", "=", id).executeTakeFirst())?.address;
}

/** The one answer for a connection that is not there and for one that is withheld. */
export function noSuchConnection(engine: EngineId, name: string): AppError {
  return new AppError("NOT_FOUND", `There is no ${ENGINES[engine].label} connection named ${name}`, { fix: "Choose one of the list in the top bar." });
}

export function connectionById(id: string): Promise<Connection> {
  const slash = id.indexOf("/");
  return getConnection(id.slice(0, slash) as EngineId, id.slice(slash + 1));
}

/** Builds a connection from its parts, as the registry does; used to test one before it is saved. */
export function buildConnection(parts: Omit<Connection, "id" | "fingerprint" | "url"> & { url: string }): Connection {
  const fingerprint = createHash("sha256")
    .update(JSON.stringify([parts.url, parts.database, parts.tlsCa]))
    .digest("hex")
    .slice(0, 16);
  return { ...parts, id: `${parts.engine}/${parts.name}`, url: new Secret(parts.url), fingerprint };
}

const HOST = /^(?:\[[0-9a-f:.%]+\]|[^\s:@[\]]+)(?::\d{1,5})?$/i;

/** `host:port[,host:port]` of a URL or the path of a file: what may be shown, so never a piece of a password. @throws AppError INVALID */
export function addressOf(engine: EngineId, url: string): string {
  if (engine === "sqlite") return url;
  const [, authority = "", path = ""] = /^[a-z+]+:\/\/([^/?#]*)([^?#]*)/i.exec(url) ?? [];
  // As browsers and drivers read it: the last @ ends the password. One behind a slash means that the password has the slash.
  const hosts = authority.slice(authority.lastIndexOf("@") + 1);
  if (!path.includes("@") && hosts.split(",").every((host) => HOST.test(host))) return hosts;
  throw new AppError("INVALID", `The ${ENGINES[engine].label} URL cannot be read`, {
    fix: "Write it as scheme://user:password@host:port/database, with @ : / ? # of the password percent-encoded.",
  });
}

function environmentConnection(engine: EngineId): Connection {
  const url = env()[VARIABLE[engine]];
  if (!url) {
    const { reason, fix } = whyMissing(engine);
    throw new AppError("UNREACHABLE", reason, { fix });
  }
  return buildConnection({
    engine,
    name: "main",
    environment: env().ADMIN_ENVIRONMENT,
    source: "environment",
    url: engine === "sqlite" ? resolve(url) : url,
    database: engine === "mongodb" ? (env().MONGODB_ADMIN_DATABASE ?? null) : null,
    tlsCa: null,
    address: engine === "sqlite" ? resolve(url) : addressOf(engine, url),
  });
}

function environmentEntry(engine: EngineId): ConnectionEntry[] {
  const entry = { id: `${engine}/main`, engine, name: "main", environment: env().ADMIN_ENVIRONMENT, source: "environment" as const };
  if (!env()[VARIABLE[engine]]) return [{ ...entry, address: "not configured", database: null, missing: whyMissing(engine) }];
  try {
    return [entryOf(environmentConnection(engine))];
  } catch (error) {
    // One unreadable setting must not take the list of all connections away.
    if (!(error instanceof AppError)) throw error;
    return [{ ...entry, address: "not readable", database: null, missing: { reason: `${VARIABLE[engine]}: ${error.message}`, fix: error.fix ?? "" } }];
  }
}

function whyMissing(engine: EngineId): { reason: string; fix: string } {
  const [reason, fix] = (env()[MISSING[engine]] ?? "").split("|");
  return {
    reason: reason || `No ${ENGINES[engine].label} is named`,
    fix: fix || `Set ${VARIABLE[engine]}, or add a connection under Settings.`,
  };
}

function controlPlaneConnection(): Connection {
  const path = controlPlanePath();
  return buildConnection({
    engine: "sqlite",
    name: "control-plane",
    environment: env().ADMIN_ENVIRONMENT,
    source: "built-in",
    url: path,
    database: null,
    tlsCa: null,
    address: path,
  });
}

/** The additional data that binds a sealed secret to its row: it opens nowhere else. */
export const secretBinding = (id: string, address: string): string => `connection|${id}|${address}`;

function storedConnection(row: ConnectionsTable): Connection {
  return buildConnection({
    engine: row.engine,
    name: row.name,
    environment: row.environment,
    source: "console",
    url: open(row.secret, secretBinding(row.id, row.address)),
    database: row.database,
    tlsCa: row.tls_ca,
    address: row.address,
  });
}

function storedEntry(row: ConnectionsTable): ConnectionEntry {
  const { id, engine, name, environment, address, database } = row;
  return { id, engine, name, environment, source: "console", address, database, missing: null };
}

function entryOf(connection: Connection): ConnectionEntry {
  const { id, engine, name, environment, source, address, database } = connection;
  return { id, engine, name, environment, source, address, database, missing: null };
}
