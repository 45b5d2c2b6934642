import "server-only";
import { userInfo } from "node:os";
import { basename } from "node:path";
import type { Connection } from "@/server/connection";

/**
 * The name of what a connection opens: the one `target` that a restore may replace. PostgreSQL and MongoDB: the database, as the driver
 * resolves it; Redis: the logical database's number; SQLite: the file's name without its directory, or "control-plane".
 * Empty when the connection names none.
 */
export function liveName(connection: Connection): string {
  if (connection.engine === "sqlite") return connection.source === "built-in" ? connection.name : basename(connection.url.reveal());
  const { path, user } = partsOf(connection.url.reveal());
  if (connection.engine === "redis") return /^\d+$/.test(path) ? String(Number(path)) : "0";
  if (connection.engine === "mongodb") return connection.database ?? path;
  return path || user || userInfo().username;
}

/** Not `new URL` alone: a MongoDB URL may name several hosts. The path is the one it reads, as the engines do: without dots, tabs and line ends. */
export function partsOf(url: string): { hosts: string[]; path: string; user: string; options: URLSearchParams } {
  const read = url.replace(/[\t\n\r]/g, "").trim();
  const [, authority = "", path = "", query = ""] = /^[a-z+]+:\/\/([^/?#]*)([^?#]*)\??([^#]*)/i.exec(read) ?? [];
  const at = authority.lastIndexOf("@");
  const credentials = authority.slice(0, Math.max(at, 0));
  return {
    hosts: decoded(authority.slice(at + 1)).split(","),
    path: decoded(new URL(`any://host${path}`).pathname.slice(1)),
    user: decoded(credentials.split(":")[0] ?? ""),
    options: new URLSearchParams(query),
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
