import "server-only";
import { basename } from "node:path";
import { AppError } from "@/server/errors";

/** Says what a SQLite or file error means. `path` is shown; a path holds no secret. */
export function sqliteError(error: unknown, path: string): AppError {
  if (error instanceof AppError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const code = (error as { code?: string | null } | null)?.code ?? "";
  const file = basename(path);
  const options = { detail: code ? `${code}: ${message}` : message, cause: error };
  if (code === "ENOENT" || code === "SQLITE_CANTOPEN")
    return new AppError("UNREACHABLE", `There is no SQLite file at ${path}`, { ...options, fix: "Check SQLITE_ADMIN_PATH, or the path of the connection." });
  if (code === "EACCES" || code === "EPERM" || code === "SQLITE_PERM")
    return new AppError("AUTH_FAILED", `The console may not read ${path}`, { ...options, fix: "Give the user that runs the console the right to read it." });
  if (code === "SQLITE_NOTADB")
    return new AppError("UNREACHABLE", `${file} is not a SQLite database, or it is encrypted`, { ...options, fix: "Name a plain SQLite file." });
  if (code.startsWith("SQLITE_CORRUPT"))
    return new AppError("UNREACHABLE", `${file} is damaged`, { ...options, fix: "Restore a backup beside it and compare." });
  if (code.startsWith("SQLITE_BUSY") || code.startsWith("SQLITE_LOCKED"))
    return new AppError("CONFLICT", `${file} is locked by another program`, { ...options, fix: "Wait until its transaction has ended, then try again." });
  if (code === "SQLITE_TOOBIG")
    return new AppError("LIMIT_EXCEEDED", `${file} holds a value of more than 512 MiB, or a row of more than 1 GB: the console cannot read it`, {
      ...options,
      fix: "Leave its column out of filters and exports; a backup holds it all the same.",
    });
  if (code === "SQLITE_FULL" || code === "ENOSPC")
    return new AppError("LIMIT_EXCEEDED", "No space left on the disk", { ...options, fix: "Free space and try again." });
  if (code.startsWith("SQLITE_READONLY")) return new AppError("READ_ONLY", `${file} is open for reading only`, options);
  if (/no such (table|column|view)/.test(message))
    return new AppError("NOT_FOUND", `${file}: ${message}`, { ...options, fix: "Load the list again; the schema may have changed." });
  return new AppError("INVALID", `SQLite refuses this: ${message}`, options);
}
