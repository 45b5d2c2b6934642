import "server-only";

import {
  MongoAPIError,
  MongoClientClosedError,
  MongoInvalidArgumentError,
  MongoNetworkError,
  MongoNetworkTimeoutError,
  MongoNotConnectedError,
  MongoOperationTimeoutError,
  MongoParseError,
  MongoServerClosedError,
  MongoServerError,
  MongoServerSelectionError,
  MongoTopologyClosedError,
} from "mongodb";

import { AppError, type AppErrorCode, isAbort } from "@/server/errors";

interface ErrorPlace {
  /** `host:port`, safe to show. */
  address: string;
  /** What was being done: "orders: read documents". */
  doing?: string;
}

interface Known {
  code: AppErrorCode;
  what: string;
  fix: string;
}

const BY_CODE: Record<number, Known> = {
  11: { code: "AUTH_FAILED", what: "does not know this user", fix: "Check the user name, and authSource in the URL." },
  13: { code: "FORBIDDEN", what: "refuses this to the connection's user", fix: "Give the user the right, or connect as one that has it." },
  18: { code: "AUTH_FAILED", what: "refuses the user name or the password", fix: "Correct the credentials of the connection, and authSource in its URL." },
  26: { code: "NOT_FOUND", what: "has no such collection or database", fix: "Reload the list: it may have been renamed or dropped." },
  43: { code: "CONFLICT", what: "closed the cursor before everything was read", fix: "Start again; a slow reader or a restart of the server can cause this." },
  48: { code: "CONFLICT", what: "already has a collection of this name", fix: "Choose another name, or drop the other one first." },
  50: { code: "TIMEOUT", what: "ran into the time limit", fix: "Narrow the filter, or add an index that fits it." },
  59: {
    code: "UNSUPPORTED",
    what: "does not know this command",
    fix: "The server speaks only a part of MongoDB's protocol; this feature is not to be had on it.",
  },
  96: { code: "LIMIT_EXCEEDED", what: "ran out of memory for the sort", fix: "Sort by an indexed field, or narrow the filter." },
  121: { code: "INVALID", what: "refused a document by the collection's validator", fix: "Look at the collection's validation rules." },
  166: { code: "INVALID", what: "refuses this operation on a view", fix: "Use the collection the view is made of." },
  190: { code: "INTERNAL", what: "is out of disk space", fix: "Free space on the server." },
  211: { code: "UNSUPPORTED", what: "cannot verify the session's signature yet", fix: "Try again in a few seconds." },
  238: { code: "UNSUPPORTED", what: "does not implement this", fix: "The server speaks only a part of MongoDB's protocol." },
  246: { code: "UNSUPPORTED", what: "has no snapshot of this moment any more", fix: "Back up per collection, or raise minSnapshotHistoryWindowInSeconds." },
  292: { code: "LIMIT_EXCEEDED", what: "would have to sort on disk", fix: "Sort by an indexed field, or narrow the filter." },
  8000: { code: "AUTH_FAILED", what: "refuses the credentials", fix: "Correct the credentials of the connection." },
  11000: { code: "CONFLICT", what: "already has a document with this key", fix: "A unique index holds the same value; look at the key in the details." },
  11600: { code: "UNREACHABLE", what: "is shutting down", fix: "Try again when it is back." },
};

/**
 * Turns what the driver throws into what a person can act on. Never carries the URL: the driver's messages can hold parts of
 * it, so only the server's code name and the cleaned message of a server answer are passed on.
 */
export function toAppError(error: unknown, place: ErrorPlace): AppError {
  if (error instanceof AppError) return error;
  if (isAbort(error)) return new AppError("CANCELLED", "Cancelled", { cause: error });
  const where = place.doing ? `${place.doing}: ${place.address}` : place.address;
  if (error instanceof MongoServerSelectionError) return selectionError(error, where);
  if (error instanceof MongoServerError) return serverError(error, where);
  if (error instanceof MongoNetworkTimeoutError || error instanceof MongoOperationTimeoutError || (error instanceof Error && error.name === "TimeoutError")) {
    return new AppError("TIMEOUT", `${where} did not answer in time`, { fix: "Try again; look at the load of the server.", detail: error.name, cause: error });
  }
  if (isConnectionLoss(error)) {
    return new AppError("UNREACHABLE", `${where} closed the connection`, {
      fix: "Check that the server runs; the console connects again by itself.",
      detail: networkDetail(error),
      cause: error,
    });
  }
  if (error instanceof MongoParseError || error instanceof MongoInvalidArgumentError || error instanceof MongoAPIError) {
    return new AppError("INVALID", `${where}: the driver refuses the connection's settings or this input`, {
      fix: "Check the connection's URL and options.",
      detail: error.name,
      cause: error,
    });
  }
  return new AppError("INTERNAL", `${where} failed in an unexpected way`, {
    fix: "Try again; the log has the details.",
    detail: error instanceof Error ? error.name : "unknown",
    cause: error,
  });
}

/** The driver lets some socket errors through as they are, and calls a connection that closes under a call an error of use. */
function isConnectionLoss(error: unknown): error is Error {
  const closed = [MongoNetworkError, MongoTopologyClosedError, MongoNotConnectedError, MongoServerClosedError, MongoClientClosedError];
  return closed.some((kind) => error instanceof kind) || isStaleSocket(error);
}

/** A socket's own error, which the driver neither wraps nor tries again. */
export function isStaleSocket(error: unknown): boolean {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return code !== undefined && ["ECONNRESET", "EPIPE", "ECONNREFUSED", "ECONNABORTED", "ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH"].includes(code);
}

function selectionError(error: MongoServerSelectionError, where: string): AppError {
  const cause = rootCause(error);
  const text = `${error.message} ${cause.message}`;
  const detail = networkDetail(cause);
  if (cause instanceof MongoServerError) return serverError(cause, where);
  if (/certificate|self[- ]signed|TLS|SSL|wrong version number|CERT_/i.test(text)) {
    return new AppError("UNREACHABLE", `${where}: the encrypted connection fails`, {
      fix: "Check tls=true in the URL, and give the connection the authority of the server's certificate.",
      detail,
      cause: error,
    });
  }
  if (/ENOTFOUND|EAI_AGAIN/.test(text))
    return new AppError("UNREACHABLE", `${where}: the host name is not known`, { fix: "Correct the host in the connection's URL.", detail, cause: error });
  if (/ECONNREFUSED/.test(text)) {
    return new AppError("UNREACHABLE", `${where} refuses connections`, {
      fix: "Check that the MongoDB server runs, and the port in the connection's URL.",
      detail,
      cause: error,
    });
  }
  if (/wire version/i.test(text)) {
    return new AppError("UNSUPPORTED", `${where} is too old for this console`, { fix: "MongoDB 4.2 or newer is needed.", detail, cause: error });
  }
  return new AppError("UNREACHABLE", `${where} does not answer within 5 s`, {
    fix: "Check that the MongoDB server runs and can be reached from here, and the host in the connection's URL.",
    detail,
    cause: error,
  });
}

function serverError(error: MongoServerError, where: string): AppError {
  const code = typeof error.code === "number" ? error.code : undefined;
  const known = code === undefined ? undefined : BY_CODE[code];
  const name = typeof error.codeName === "string" ? error.codeName : "";
  const detail = `${[code, name].filter((part) => part !== undefined && part !== "").join(" ")}: ${clean(error.message)}`.replace(/^: /, "");
  const cause = { cause: error };
  if (known) return new AppError(known.code, `${where} ${known.what}`, { fix: known.fix, detail, ...cause });
  if (/auth/i.test(name) || /authentication failed/i.test(error.message)) {
    return new AppError("AUTH_FAILED", `${where} refuses the user name or the password`, {
      fix: "Correct the credentials of the connection.",
      detail,
      ...cause,
    });
  }
  return new AppError("INVALID", `${where} refuses this`, { fix: "The details say what the server did not like.", detail, ...cause });
}

/** Server selection wraps the reason two levels deep. */
function rootCause(error: Error): Error {
  let current: Error = error;
  if (error instanceof MongoServerSelectionError) {
    for (const server of error.reason?.servers.values() ?? []) if (server.error) current = server.error;
  }
  while (current.cause instanceof Error) current = current.cause;
  return current;
}

function networkDetail(error: Error): string {
  const code = (rootCause(error) as NodeJS.ErrnoException).code;
  return typeof code === "string" ? code : error.name;
}

/** URLs with credentials never leave, wherever a message got them from; and no message is a screenful. */
function clean(message: string): string {
  return message.replaceAll(/mongodb(?:\+srv)?:\/\/\S+/gi, "mongodb://***").slice(0, 500);
}
