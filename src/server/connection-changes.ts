import "server-only";
/** Adding, editing and removing connections. A secret is bound to its address: a new address needs the secret again. */
import { statSync } from "node:fs";
import { resolve } from "node:path";
import type { EngineId } from "@/engines";
import { ENGINES } from "@/engines";
import type { Connection, Environment } from "@/server/connection";
import { addressOf, buildConnection, secretBinding } from "@/server/connections";
import { controlPlane, controlPlanePath, dataDir, isConsoleFile, realPath } from "@/server/control-plane/database";
import { keptSwapOf } from "@/server/control-plane/swaps.repo";
import { AppError } from "@/server/errors";
import { seal } from "@/server/secrets";

export interface ConnectionParts {
  engine: EngineId;
  name: string;
  environment: Environment;
  /** URL with its credentials, or the path of a SQLite file. */
  url: string;
  database: string | null;
  tlsCa: string | null;
}

const RESERVED = ["main", "control-plane"];
const SCHEME: Record<Exclude<EngineId, "sqlite">, RegExp> = { redis: /^rediss?:\/\//, postgres: /^postgres(ql)?:\/\//, mongodb: /^mongodb:\/\// };
/** Options in a URL that would read files, run commands, ask the cloud for credentials or move the connection elsewhere. */
const FORBIDDEN_OPTION =
  /^(host|hostaddr|port|service|servicefile|passfile|options|ssl(rootcert|cert|key|password|crl|crldir|ca)|tls(CA|CRL|Certificate|CertificateKey)File|authMechanismProperties|proxyHost)$/i;
/** Cloud metadata and link-local addresses are never a database; in the one form in which a URL writes them. */
const FORBIDDEN_HOST = /^(\[fe[89ab][0-9a-f]:|169\.254\.|\[::ffff:a9fe:|\[fd00:ec2::254\]|metadata\.)/;

/** Names of a URL's options as drivers read them: decoded. */
function optionsOf(url: string): string[] {
  const query = /\?([^#]*)/.exec(url)?.[1] ?? "";
  return [...new URLSearchParams(query.replaceAll(";", "&")).keys()].map((name) => name.trim());
}

/** Numbers, hexadecimal and mapped forms of an address are the address they mean. */
function isForbiddenHost(host: string): boolean {
  const bare = host.replace(/:\d*$/, "");
  const canonical = URL.canParse(`http://${bare}`) ? new URL(`http://${bare}`).hostname : bare.toLowerCase();
  return FORBIDDEN_HOST.test(canonical);
}

/** Checks the parts and builds a connection that is not saved: for the test button and before saving. @throws AppError INVALID */
export function draftConnection(parts: ConnectionParts): Connection {
  const label = ENGINES[parts.engine].label;
  if (!/^[a-z0-9][a-z0-9-]{0,38}$/.test(parts.name)) {
    throw new AppError("INVALID", `${parts.name} is not a connection name`, { fix: "Use 1 to 39 lower-case letters, digits and hyphens." });
  }
  if (RESERVED.includes(parts.name)) throw new AppError("INVALID", `The name ${parts.name} is taken by the console itself`, { fix: "Choose another name." });
  if (parts.engine === "sqlite") {
    checkSqlitePath(parts.url);
    return buildConnection({ ...parts, source: "console", url: resolve(parts.url), address: resolve(parts.url) });
  }
  if (!SCHEME[parts.engine].test(parts.url))
    throw new AppError("INVALID", `This is not a ${label} URL`, { fix: `It starts with ${schemeWords(parts.engine)}.` });
  if (optionsOf(parts.url).some((name) => FORBIDDEN_OPTION.test(name)))
    throw new AppError("INVALID", `The ${label} URL has an option that is not allowed here`, {
      fix: "Leave only host, port, user, password, database and TLS mode in it.",
    });
  const address = addressOf(parts.engine, parts.url);
  if (address.split(",").some(isForbiddenHost))
    throw new AppError("INVALID", `${address} is not an address of a database`, { fix: "Name the database server." });
  return buildConnection({ ...parts, source: "console", address });
}

const schemeWords = (engine: EngineId): string => (engine === "redis" ? "redis:// or rediss://" : engine === "postgres" ? "postgres://" : "mongodb://");

function checkSqlitePath(path: string): void {
  const fix = "Give the absolute path of an existing SQLite file that the console may read.";
  if (!path.startsWith("/") || path.includes("\0") || path.split("/").includes("..")) throw new AppError("INVALID", "The path is not absolute", { fix });
  // A restored copy may be opened by hand: what it holds stays for admins (grants.ts).
  if (realPath(path).startsWith(`${realPath(dataDir())}/`) && (realPath(path) === realPath(controlPlanePath()) || !isConsoleFile(path))) {
    throw new AppError("INVALID", "The console's own files are not added as connections", { fix: "The control plane is there already, as control-plane." });
  }
  const entry = statSync(path, { throwIfNoEntry: false });
  if (!entry?.isFile()) throw new AppError("INVALID", `${path} is not a file`, { fix });
}

/** @throws AppError INVALID, CONFLICT when the name is taken. */
export async function addConnection(parts: ConnectionParts, createdBy: string): Promise<Connection> {
  const connection = draftConnection(parts);
  await saveConnection(connection, { createdBy });
  return connection;
}

/** @param options.grantsOf the connection whose grants it takes over, in the same step */
async function saveConnection(connection: Connection, options: { createdBy: string; grantsOf?: string }): Promise<void> {
  const now = new Date().toISOString();
  const row = {
    id: connection.id,
    engine: connection.engine,
    name: connection.name,
    environment: connection.environment,
    address: connection.address,
    secret: seal(connection.url.reveal(), secretBinding(connection.id, connection.address)),
    database: connection.database,
    tls_ca: connection.tlsCa,
    created_by: options.createdBy,
    created_at: now,
    updated_at: now,
  };
  try {
    await controlPlane()
      .transaction()
      .execute(async (db) => {
        await db.insertInto("connections").values(row).execute();
        if (options.grantsOf === undefined) return;
        const grants = await db.selectFrom("grants").select(["user_id", "role"]).where("connection_id", "=", options.grantsOf).execute();
        for (const grant of grants)
          await db
            .insertInto("grants")
            .values({ ...grant, connection_id: row.id })
            .onConflict((conflict) => conflict.doUpdateSet({ role: grant.role }))
            .execute();
      });
  } catch (cause) {
    if (String((cause as { code?: unknown }).code).startsWith("SQLITE_CONSTRAINT")) {
      throw new AppError("CONFLICT", `There is a ${ENGINES[connection.engine].label} connection named ${connection.name} already`, {
        fix: "Choose another name.",
      });
    }
    throw cause;
  }
}

/** Changes label, database, authority, or with a new URL the target. The stored secret is never carried to another address. */
export async function editConnection(
  id: string,
  change: { environment: Environment; database: string | null; tlsCa: string | null; url?: string | undefined },
): Promise<void> {
  const row = await controlPlane().selectFrom("connections").selectAll().where("id", "=", id).executeTakeFirst();
  if (!row) throw new AppError("NOT_FOUND", "There is no such connection that can be edited", { fix: "Connections of the environment are changed there." });
  if (change.url !== undefined || change.database !== row.database) await assertNothingKept(id);
  const target = change.url === undefined ? {} : replacedTarget({ ...change, url: change.url, engine: row.engine, name: row.name });
  await controlPlane()
    .updateTable("connections")
    .set({ environment: change.environment, database: change.database, tls_ca: change.tlsCa, updated_at: new Date().toISOString(), ...target })
    .where("id", "=", id)
    .execute();
}

function replacedTarget(parts: ConnectionParts): { address: string; secret: string } {
  const connection = draftConnection(parts);
  return { address: connection.address, secret: seal(connection.url.reveal(), secretBinding(connection.id, connection.address)) };
}

/** What a restore keeps for undo lies on the server that the connection names. */
async function assertNothingKept(id: string): Promise<void> {
  const kept = await keptSwapOf(id);
  if (!kept) return;
  throw new AppError("CONFLICT", `The restore of ${kept.target} on this connection can still be undone`, {
    fix: "Drop what is kept of it first: Backups, under the restores that can be undone.",
  });
}

/** Forgets a connection. Grants stay: one added later under the same name must not be open to whom it was closed. */
export async function removeConnection(id: string): Promise<void> {
  await assertNothingKept(id);
  const removed = await controlPlane().deleteFrom("connections").where("id", "=", id).executeTakeFirst();
  if (removed.numDeletedRows === 0n)
    throw new AppError("NOT_FOUND", "There is no such connection that can be removed", { fix: "Connections of the environment are changed there." });
}

/** The origin's server was accepted before, by the environment or by an admin: its URL is not judged again, only its name is new. */
function restoredConnection(parts: { origin: Connection; name: string; url: string; database: string | null }): Connection {
  const { origin, name, url, database } = parts;
  const { engine, environment, tlsCa } = origin;
  return buildConnection({ engine, name, environment, source: "console", url, database, tlsCa, address: engine === "sqlite" ? url : origin.address });
}

/** Registers what a restore made, under the origin's label and with its grants, so that it can be opened at once. @returns its name */
export async function addRestoredConnection(options: {
  origin: Connection;
  createdBy: string;
  url: string;
  database: string | null;
  target: string;
}): Promise<string> {
  const { origin, createdBy, url, database, target } = options;
  const base =
    target
      .toLowerCase()
      .replace(/\.[a-z0-9]+$/, "")
      .replaceAll(/[^a-z0-9]+/g, "-")
      .replaceAll(/^-+|-+$/g, "")
      .slice(0, 34) || "restored";
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const name = attempt === 0 ? base : `${base}-${attempt + 1}`;
    if (RESERVED.includes(name)) continue;
    try {
      await saveConnection(restoredConnection({ origin, name, url, database }), { createdBy, grantsOf: origin.id });
      return name;
    } catch (error) {
      if (!(error instanceof AppError && error.code === "CONFLICT")) throw error;
    }
  }
  throw new AppError("CONFLICT", `No free connection name for ${target}`, { fix: "Remove connections you do not need." });
}
