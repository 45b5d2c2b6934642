import "server-only";
import { userInfo } from "node:os";
import type { ConnectionOptions } from "node:tls";
import type { Connection } from "@/server/connection";
import { AppError } from "@/server/errors";

export const TLS_MODES = ["disable", "prefer", "require", "verify-ca", "verify-full"] as const;
export type TlsMode = (typeof TLS_MODES)[number];

/** A connection's URL taken apart. Only `password` is secret. */
export interface PostgresTarget {
  /** A host name, an address, or the directory of a Unix socket. */
  host: string;
  port: number;
  user: string;
  password: string | undefined;
  database: string;
  tls: TlsMode;
  tlsCa: string | null;
}

/** Files named in a URL would be read on the console's host; TLS material belongs into the connection itself. */
const REFUSED_PARAMETERS = ["sslcert", "sslkey", "sslrootcert", "sslpassword", "passfile", "service", "servicefile"];

/**
 * Reads `postgres://user:password@host:port/database?sslmode=...`. A socket directory is given as `?host=/run/postgresql`.
 * Throws INVALID without showing the URL.
 */
export function readTarget(connection: Connection): PostgresTarget {
  const url = parseUrl(connection);
  for (const name of REFUSED_PARAMETERS) {
    if (url.searchParams.has(name))
      throw invalid(connection, `its URL has the parameter ${name}`, "Remove it; give the certificate authority as PEM in the connection's TLS field.");
  }
  const mode = url.searchParams.get("sslmode") ?? (connection.tlsCa ? "verify-full" : "prefer");
  const tls = TLS_MODES.find((known) => known === (mode === "allow" ? "prefer" : mode));
  if (!tls) throw invalid(connection, `sslmode=${mode} is not a mode`, `Use one of ${TLS_MODES.join(", ")}.`);

  const user = decode(connection, url.username) || userInfo().username;
  const host = url.searchParams.get("host") ?? decode(connection, url.hostname.replace(/^\[(.*)\]$/, "$1"));
  return {
    host: host || "127.0.0.1",
    port: Number(url.searchParams.get("port") ?? url.port) || 5432,
    user,
    password: url.password === "" ? undefined : decode(connection, url.password),
    database: decode(connection, url.pathname.slice(1)) || user,
    tls,
    tlsCa: connection.tlsCa,
  };
}

function parseUrl(connection: Connection): URL {
  let url;
  try {
    url = new URL(connection.url.reveal());
  } catch {
    throw invalid(
      connection,
      "its URL cannot be read",
      "Write it as postgres://user:password@host:5432/database; encode special characters of the password (@ as %40).",
    );
  }
  if (url.protocol !== "postgres:" && url.protocol !== "postgresql:")
    throw invalid(connection, "its URL does not begin with postgres://", "Write it as postgres://user:password@host:5432/database.");
  return url;
}

function decode(connection: Connection, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid(connection, "its URL has a % that encodes nothing", "Write a plain % as %25.");
  }
}

function invalid(connection: Connection, what: string, fix: string): AppError {
  return new AppError("INVALID", `The connection ${connection.id} cannot be used: ${what}`, { fix });
}

/** True for the loopback and Unix sockets: nobody else can read along. */
export const isLocal = (host: string): boolean => host.startsWith("/") || host === "localhost" || host === "::1" || host.startsWith("127.");

/**
 * The ways to connect, in the order to try them: `prefer` takes TLS where the server has it, and over the loopback
 * plain text first, which nobody else can read. All other modes have exactly one way.
 */
export function tlsWays(target: PostgresTarget): (false | ConnectionOptions)[] {
  const ca = target.tlsCa ? { ca: target.tlsCa } : {};
  const unchecked: ConnectionOptions = { rejectUnauthorized: false };
  switch (target.tls) {
    case "disable":
      return [false];
    case "prefer":
      return isLocal(target.host) ? [false, unchecked] : [unchecked, false];
    case "require":
      return target.tlsCa ? [{ ...ca, checkServerIdentity: () => undefined }] : [unchecked];
    case "verify-ca":
      return [{ ...ca, checkServerIdentity: () => undefined }];
    case "verify-full":
      return [ca];
  }
}
