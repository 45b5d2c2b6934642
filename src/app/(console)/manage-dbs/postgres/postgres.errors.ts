import "server-only";
import { LIMITS } from "@/server/limits";
import { AppError, type AppErrorCode } from "@/server/errors";

/** Whom an error is about; safe to show. */
export interface ErrorPlace {
  address: string;
  database: string;
  user: string;
}

interface Meaning {
  code: AppErrorCode;
  message: (place: ErrorPlace, said: string) => string;
  fix: string;
  retryAfterSeconds?: number;
}

const CORRECT_ADDRESS = "Check that PostgreSQL runs there, and host and port in the connection.";
const CORRECT_CA = "Put the PEM of the authority that signed the server's certificate into the connection's TLS field.";

/** What Node says about sockets and TLS. */
const SOCKET_MEANINGS: Record<string, Meaning> = {
  ECONNREFUSED: { code: "UNREACHABLE", message: (place) => `${place.address} refuses the connection`, fix: CORRECT_ADDRESS, retryAfterSeconds: 5 },
  ENOENT: { code: "UNREACHABLE", message: (place) => `There is no PostgreSQL socket at ${place.address}`, fix: CORRECT_ADDRESS, retryAfterSeconds: 5 },
  EACCES: { code: "UNREACHABLE", message: (place) => `The console may not open ${place.address}`, fix: "Give the console's user access to the socket." },
  ENOTFOUND: { code: "UNREACHABLE", message: (place) => `The host of ${place.address} is not known`, fix: "Correct the host name in the connection." },
  EAI_AGAIN: {
    code: "UNREACHABLE",
    message: (place) => `The host of ${place.address} cannot be looked up now`,
    fix: "Check the name server, then try again.",
    retryAfterSeconds: 5,
  },
  ETIMEDOUT: { code: "UNREACHABLE", message: (place) => `${place.address} does not answer`, fix: "Check the network and its firewall.", retryAfterSeconds: 5 },
  EHOSTUNREACH: {
    code: "UNREACHABLE",
    message: (place) => `There is no route to ${place.address}`,
    fix: "Check the network and its firewall.",
    retryAfterSeconds: 5,
  },
  ENETUNREACH: {
    code: "UNREACHABLE",
    message: (place) => `There is no network to ${place.address}`,
    fix: "Check the network of the console.",
    retryAfterSeconds: 5,
  },
  ECONNRESET: {
    code: "UNREACHABLE",
    message: (place) => `${place.address} closed the connection`,
    fix: "Try again; if it stays, read the server's log.",
    retryAfterSeconds: 2,
  },
  EPIPE: {
    code: "UNREACHABLE",
    message: (place) => `${place.address} closed the connection`,
    fix: "Try again; if it stays, read the server's log.",
    retryAfterSeconds: 2,
  },
  ERR_TLS_CERT_ALTNAME_INVALID: {
    code: "AUTH_FAILED",
    message: (place) => `The certificate of ${place.address} is for another host`,
    fix: "Use the host name in the certificate, or sslmode=verify-ca.",
  },
  CERT_HAS_EXPIRED: { code: "AUTH_FAILED", message: (place) => `The certificate of ${place.address} has expired`, fix: "Renew the server's certificate." },
};
for (const code of [
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_GET_ISSUER_CERT",
]) {
  SOCKET_MEANINGS[code] = {
    code: "AUTH_FAILED",
    message: (place) => `The certificate of ${place.address} is not signed by a known authority`,
    fix: CORRECT_CA,
  };
}

/** What the driver says without a code. */
const DRIVER_MEANINGS: [RegExp, Meaning][] = [
  [
    /timeout exceeded when trying to connect/,
    {
      code: "TOO_MANY_REQUESTS",
      message: (place) => `All of the console's sessions on ${place.address} are busy`,
      fix: "Wait for running queries, or cancel them.",
      retryAfterSeconds: 2,
    },
  ],
  [
    /timeout expired|due to connection timeout/,
    {
      code: "UNREACHABLE",
      message: (place) => `${place.address} does not answer within ${LIMITS.connectTimeoutMs / 1000} s`,
      fix: "Check the network and its firewall, and host and port in the connection.",
      retryAfterSeconds: 5,
    },
  ],
  [
    /is not currently accepting connections/,
    {
      code: "UNREACHABLE",
      message: (place) => `${place.database} on ${place.address} takes no connections`,
      fix: "A restore may be swapping it: try again in a moment. Else ALTER DATABASE ALLOW_CONNECTIONS true.",
      retryAfterSeconds: 2,
    },
  ],
  [
    /Query read timeout/,
    {
      code: "TIMEOUT",
      message: (place) => `${place.address} stopped answering in the middle of a query`,
      fix: "Check the network and the server's load, then try again.",
      retryAfterSeconds: 5,
    },
  ],
  [
    /Connection terminated|Client has encountered a connection error|not queryable|Client was closed/,
    {
      code: "UNREACHABLE",
      message: (place) => `${place.address} closed the connection`,
      fix: "Try again; if it stays, read the server's log.",
      retryAfterSeconds: 2,
    },
  ],
  [
    /does not support SSL/,
    {
      code: "UNREACHABLE",
      message: (place) => `${place.address} does not speak TLS, and the connection asks for it`,
      fix: "Turn on TLS at the server, or set sslmode=disable if the network is trusted.",
    },
  ],
  [/error establishing an SSL connection/, { code: "UNREACHABLE", message: (place) => `${place.address} does not answer as PostgreSQL`, fix: CORRECT_ADDRESS }],
  [
    /password must be a (non-empty )?string/i,
    {
      code: "AUTH_FAILED",
      message: (place) => `${place.address} asks ${place.user} for a password, and the connection has none`,
      fix: "Put the password into the connection.",
    },
  ],
];

const SERVER_MEANINGS: Record<string, Meaning> = {
  "28P01": {
    code: "AUTH_FAILED",
    message: (place) => `${place.address} refuses the password of ${place.user}`,
    fix: "Correct user and password in the connection.",
  },
  "28000": {
    code: "AUTH_FAILED",
    message: (place) => `${place.address} does not let ${place.user} in`,
    fix: "Check that the role may log in and that pg_hba.conf has a line for this user, database and address.",
  },
  "3D000": {
    code: "NOT_FOUND",
    message: (place) => `There is no database ${place.database} on ${place.address}`,
    fix: "Correct the database in the connection, or create it.",
  },
  "42501": {
    code: "FORBIDDEN",
    message: (place, said) => `The role ${place.user} lacks a right: ${said}`,
    fix: "Grant the right to this role, or use a connection with another role.",
  },
  "57014": {
    code: "TIMEOUT",
    message: () => "The query ran longer than it may and was stopped",
    fix: "Ask for less: add a filter, or sort by an indexed column.",
  },
  "57P01": {
    code: "UNREACHABLE",
    message: (place) => `${place.address} ended the session: an administrator stopped it or the server shuts down`,
    fix: "Try again when the server is back.",
    retryAfterSeconds: 5,
  },
  "57P02": {
    code: "UNREACHABLE",
    message: (place) => `${place.address} ended the session: the server crashed and restarts`,
    fix: "Try again in a moment, and read the server's log.",
    retryAfterSeconds: 5,
  },
  "57P03": {
    code: "UNREACHABLE",
    message: (place) => `${place.address} is starting, stopping or recovering`,
    fix: "Try again in a moment.",
    retryAfterSeconds: 5,
  },
  "57P04": { code: "NOT_FOUND", message: (place) => `The database ${place.database} was dropped`, fix: "Correct the database in the connection." },
  "57P05": { code: "UNREACHABLE", message: (place) => `${place.address} ended an idle session`, fix: "Try again." },
  "53300": {
    code: "TOO_MANY_REQUESTS",
    message: (place) => `${place.address} has no connection left`,
    fix: "Close sessions there or raise max_connections, then try again.",
    retryAfterSeconds: 5,
  },
  "53100": { code: "LIMIT_EXCEEDED", message: (place) => `The disk of ${place.address} is full`, fix: "Free space on the server." },
  "53200": {
    code: "LIMIT_EXCEEDED",
    message: (place) => `${place.address} ran out of memory`,
    fix: "Ask for less, or give the server more memory; for shared memory raise max_locks_per_transaction.",
    retryAfterSeconds: 5,
  },
  "25006": {
    code: "READ_ONLY",
    message: () => "This session only reads, and PostgreSQL refused a change",
    fix: "Changes need a connection and a role with the right to write.",
  },
  "25P03": { code: "TIMEOUT", message: () => "The transaction was idle for too long and PostgreSQL ended it", fix: "Try again." },
  "55P03": {
    code: "CONFLICT",
    message: () => "Another session holds a lock on this object",
    fix: "Wait for the other session, or end it, then try again.",
    retryAfterSeconds: 5,
  },
  "55006": { code: "CONFLICT", message: (_place, said) => `The object is in use: ${said}`, fix: "Close the sessions that use it, then try again." },
  "40P01": { code: "CONFLICT", message: () => "Two sessions waited for each other and PostgreSQL stopped this one", fix: "Try again.", retryAfterSeconds: 1 },
  "40001": { code: "CONFLICT", message: () => "Another transaction changed the same data first", fix: "Try again.", retryAfterSeconds: 1 },
  "0A000": { code: "UNSUPPORTED", message: (_place, said) => `This PostgreSQL cannot do that: ${said}`, fix: "Use a newer server, or do it another way." },
  "42P01": { code: "NOT_FOUND", message: (_place, said) => `The table is not there: ${said}`, fix: "Reload the list of tables." },
  "42703": { code: "NOT_FOUND", message: (_place, said) => `The column is not there: ${said}`, fix: "Reload the table." },
  "3F000": { code: "NOT_FOUND", message: (_place, said) => `The schema is not there: ${said}`, fix: "Reload the list of tables." },
  "42883": {
    code: "INVALID",
    message: (_place, said) => `The column's type does not know this comparison: ${said}`,
    fix: "Use contains, is null or is not null.",
  },
  "42P04": { code: "CONFLICT", message: (_place, said) => `The name is taken: ${said}`, fix: "Choose another name." },
  "21000": { code: "INVALID", message: (_place, said) => `The query gave more than one row: ${said}`, fix: "Reload the table." },
  XX001: {
    code: "INTERNAL",
    message: (_place, said) => `PostgreSQL found damaged data: ${said}`,
    fix: "Stop writing to this database and restore it from the last good backup.",
  },
};

const CLASS_MEANINGS: Record<string, Meaning> = {
  "08": { code: "UNREACHABLE", message: (place) => `The connection to ${place.address} broke`, fix: "Try again.", retryAfterSeconds: 2 },
  "22": { code: "INVALID", message: (_place, said) => `PostgreSQL cannot read the value: ${said}`, fix: "Write the value as the column's type prints it." },
  "28": { code: "AUTH_FAILED", message: (place) => `${place.address} does not let ${place.user} in`, fix: "Correct user and password in the connection." },
  "42": { code: "INVALID", message: (_place, said) => `PostgreSQL does not accept this: ${said}`, fix: "Correct the request." },
  "53": {
    code: "LIMIT_EXCEEDED",
    message: (place, said) => `${place.address} ran out of something: ${said}`,
    fix: "Free resources on the server.",
    retryAfterSeconds: 5,
  },
  "54": { code: "LIMIT_EXCEEDED", message: (_place, said) => `PostgreSQL has a limit here: ${said}`, fix: "Ask for less." },
  "57": { code: "UNREACHABLE", message: (place, said) => `${place.address} stopped the session: ${said}`, fix: "Try again.", retryAfterSeconds: 5 },
};

/** A standby makes way for its primary: the server says so, and pg_dump after it. */
export const STANDBY_CONFLICT = {
  words: /conflict with recovery/,
  code: "CONFLICT",
  message: "The standby stopped the reading, because the primary removed what it still read",
  fix: "Back up the primary, or set hot_standby_feedback = on (or a longer max_standby_streaming_delay) on the standby.",
} as const;

/** Turns whatever pg, Node or the server threw into an AppError. The URL and the password appear nowhere. Unknown errors come back as INTERNAL. */
export function postgresError(error: unknown, place: ErrorPlace): AppError {
  if (error instanceof AppError) return error;
  const code = errorCode(error);
  const said = error instanceof Error ? error.message : String(error);
  const { words: standby, message, ...rest } = STANDBY_CONFLICT;
  const conflict: Meaning | null = standby.test(said) ? { ...rest, message: () => message } : null;
  const meaning = conflict || (code && meaningOfCode(code)) || DRIVER_MEANINGS.find(([words]) => words.test(said))?.[1];
  const detail = code ? `${code} ${said}`.slice(0, 500) : said.slice(0, 500);
  if (!meaning) {
    return new AppError("INTERNAL", `PostgreSQL answered with an error: ${said.slice(0, 300)}`, {
      fix: "Read the detail, and the server's log.",
      detail,
      cause: error,
    });
  }
  return new AppError(meaning.code, meaning.message(place, said), {
    fix: meaning.fix,
    detail,
    cause: error,
    ...(meaning.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: meaning.retryAfterSeconds }),
  });
}

const meaningOfCode = (code: string): Meaning | undefined =>
  SOCKET_MEANINGS[code] ?? SERVER_MEANINGS[code] ?? (/^[0-9A-Z]{5}$/.test(code) ? CLASS_MEANINGS[code.slice(0, 2)] : undefined);

/** SQLSTATE or Node's code. `localhost` fails with one error per address: the first says it. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ("code" in error && typeof error.code === "string") return error.code;
  if (error instanceof AggregateError) return errorCode(error.errors[0]);
  return undefined;
}

/** True when the session is gone but a new one may work: the server was restarted while the session was idle. */
export function isLostSession(error: unknown): boolean {
  const code = errorCode(error);
  if (code) return ["57P01", "57P02", "57P05", "ECONNRESET", "EPIPE", "08003", "08006"].includes(code);
  return error instanceof Error && /Connection terminated|connection error and is not queryable/.test(error.message) && !/timeout/.test(error.message);
}

/** True when the server may want the other of TLS and plain text: 28000 is also what a missing pg_hba.conf line for one of them gives. */
export const isTlsMismatch = (error: unknown): boolean => isWithoutTls(error) || errorCode(error) === "28000";

export const isWithoutTls = (error: unknown): boolean =>
  error instanceof Error && /does not support SSL|error establishing an SSL connection/.test(error.message);
