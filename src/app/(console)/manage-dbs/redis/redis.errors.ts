import "server-only";
import { AppError, type AppErrorCode } from "@/server/errors";

interface Place {
  /** `host:port`, safe to show. */
  address: string;
  /** What was done, in words: "read key "a"". Optional. */
  doing?: string;
}

interface Answer {
  code: AppErrorCode;
  /** Given the address. */
  message: (address: string) => string;
  fix: string;
  retryAfterSeconds?: number;
}

/** What Redis answers begins with a word in capitals. */
const BY_WORD: Record<string, Answer> = {
  NOAUTH: {
    code: "AUTH_FAILED",
    message: (at) => `${at} asks for a password and the connection has none`,
    fix: "Put user and password into the connection's URL: redis://user:password@host:port.",
  },
  WRONGPASS: {
    code: "AUTH_FAILED",
    message: (at) => `${at} refuses the user name or password`,
    fix: "Correct the user and password of the connection; ACL LIST on the server shows its users.",
  },
  NOPERM: {
    code: "FORBIDDEN",
    message: (at) => `The Redis user of this connection may not do this on ${at}`,
    fix: "Give the user the right with ACL SETUSER, or connect as another user.",
  },
  DENIED: {
    code: "AUTH_FAILED",
    message: (at) => `${at} is in protected mode and takes only local connections`,
    fix: "Set a password on the server, or bind it to a private address.",
  },
  LOADING: { code: "UNREACHABLE", message: (at) => `${at} is still loading its data`, fix: "Try again in a few seconds.", retryAfterSeconds: 5 },
  BUSY: {
    code: "TIMEOUT",
    message: (at) => `${at} is busy running a script`,
    fix: "Wait, or end the script on the server with SCRIPT KILL.",
    retryAfterSeconds: 5,
  },
  READONLY: { code: "READ_ONLY", message: (at) => `${at} is a replica and takes no writes`, fix: "Connect to its master; the overview shows its address." },
  MISCONF: {
    code: "READ_ONLY",
    message: (at) => `${at} refuses writes because it cannot save its data to disk`,
    fix: "See the server's log and free its disk, then try again.",
  },
  NOREPLICAS: {
    code: "READ_ONLY",
    message: (at) => `${at} refuses writes because too few replicas are connected`,
    fix: "Bring the replicas back, or lower min-replicas-to-write.",
  },
  MASTERDOWN: {
    code: "UNREACHABLE",
    message: (at) => `${at} is a replica without its master and serves no old data`,
    fix: "Bring the master back, or allow replica-serve-stale-data.",
  },
  OOM: {
    code: "LIMIT_EXCEEDED",
    message: (at) => `${at} has reached maxmemory and takes no more data`,
    fix: "Raise maxmemory or remove keys, then try again.",
  },
  MOVED: {
    code: "UNSUPPORTED",
    message: (at) => `${at} is a cluster node and the key is on another one`,
    fix: "Connect to the node that holds the key; whole clusters are not handled yet.",
  },
  ASK: {
    code: "UNSUPPORTED",
    message: (at) => `${at} is a cluster node and the key is moving to another one`,
    fix: "Wait until the slots have moved; whole clusters are not handled yet.",
  },
  CROSSSLOT: { code: "UNSUPPORTED", message: (at) => `${at} is a cluster node and the keys are on different ones`, fix: "Whole clusters are not handled yet." },
  CLUSTERDOWN: { code: "UNREACHABLE", message: (at) => `The cluster of ${at} is down`, fix: "Look at CLUSTER INFO on the server." },
  WRONGTYPE: { code: "CONFLICT", message: () => "The key now holds another type of value", fix: "Load the key again." },
  BUSYKEY: { code: "CONFLICT", message: () => "A key of this name exists already", fix: "Choose an empty logical database." },
  NOPROTO: { code: "UNSUPPORTED", message: (at) => `${at} does not speak this protocol version`, fix: "Use Redis 5 or newer, or Valkey." },
};

/** Connection failures by Node's code. */
const BY_CODE: Record<string, Answer> = {
  ECONNREFUSED: {
    code: "UNREACHABLE",
    message: (at) => `${at} refuses the connection`,
    fix: "Start the Redis server, or correct host and port of the connection.",
  },
  ENOTFOUND: { code: "UNREACHABLE", message: (at) => `The host of ${at} is not known`, fix: "Correct the host name of the connection." },
  EAI_AGAIN: {
    code: "UNREACHABLE",
    message: (at) => `The name of ${at} cannot be looked up now`,
    fix: "Check the DNS of the console's machine, then try again.",
  },
  ETIMEDOUT: { code: "UNREACHABLE", message: (at) => `${at} does not answer`, fix: "Check that the server runs and that no firewall is between." },
  EHOSTUNREACH: { code: "UNREACHABLE", message: (at) => `There is no way to ${at}`, fix: "Check network and address of the connection." },
  ENETUNREACH: { code: "UNREACHABLE", message: (at) => `There is no way to ${at}`, fix: "Check network and address of the connection." },
  ECONNRESET: {
    code: "UNREACHABLE",
    message: (at) => `${at} broke the connection`,
    fix: "Check that the server runs; a port that expects TLS needs a rediss:// URL.",
  },
  EPIPE: { code: "UNREACHABLE", message: (at) => `${at} broke the connection`, fix: "Check that the server runs, then try again." },
  EPROTO: { code: "UNREACHABLE", message: (at) => `${at} does not speak TLS, or another version of it`, fix: "Use redis:// for a port without TLS." },
  ERR_SSL_WRONG_VERSION_NUMBER: { code: "UNREACHABLE", message: (at) => `${at} does not speak TLS`, fix: "Use redis:// for a port without TLS." },
  ERR_TLS_CERT_ALTNAME_INVALID: {
    code: "UNREACHABLE",
    message: (at) => `The certificate of ${at} is made out to another name`,
    fix: "Connect by the name in the certificate.",
  },
  CERT_HAS_EXPIRED: { code: "UNREACHABLE", message: (at) => `The certificate of ${at} has expired`, fix: "Renew the server's certificate." },
};

const UNTRUSTED_CERTIFICATE: Answer = {
  code: "UNREACHABLE",
  message: (at) => `The certificate of ${at} comes from an authority that is not trusted`,
  fix: "Give the connection the PEM of that authority.",
};
const CLOSED: Answer = {
  code: "UNREACHABLE",
  message: (at) => `${at} closed the connection`,
  fix: "Check that the server runs, then try again; a port that expects TLS needs a rediss:// URL.",
};
const TIMED_OUT: Answer = {
  code: "TIMEOUT",
  message: (at) => `${at} took too long to answer`,
  fix: "See SLOWLOG on the server for what keeps it busy, then try again.",
};
const NO_DATABASE: Answer = {
  code: "NOT_FOUND",
  message: (at) => `${at} has no logical database of that number`,
  fix: "Choose a smaller number, or raise `databases` in the server's configuration.",
};
const NO_COMMAND: Answer = {
  code: "UNSUPPORTED",
  message: (at) => `${at} does not know a command that is needed for this`,
  fix: "It may be renamed or switched off there, or the server is too old.",
};
const BAD_PAYLOAD: Answer = {
  code: "UNSUPPORTED",
  message: (at) => `${at} cannot read this dump: it was made by a newer server, or is damaged`,
  fix: "Restore to a server at least as new as the one it came from.",
};
const TOO_MANY_CLIENTS: Answer = { code: "LIMIT_EXCEEDED", message: (at) => `${at} takes no more clients`, fix: "Raise maxclients or close other clients." };

const BY_TEXT: [RegExp, Answer][] = [
  [/invalid password|invalid username-password/i, BY_WORD["WRONGPASS"] ?? CLOSED],
  [/DB index is out of range|invalid DB index|SELECT is not allowed in cluster/i, NO_DATABASE],
  [/unknown (sub)?command|unknown subcommand/i, NO_COMMAND],
  [/DUMP payload version or checksum are wrong|Bad data format/i, BAD_PAYLOAD],
  [/max number of clients reached/i, TOO_MANY_CLIENTS],
  [/command timed out|socket timeout/i, TIMED_OUT],
  [/connection is closed|stream isn't writeable|connection close/i, CLOSED],
  [/certificate|self.signed/i, UNTRUSTED_CERTIFICATE],
];

/** Turns whatever the driver threw into the error a person may read. AppErrors pass. */
export function redisError(error: unknown, place: Place): AppError {
  if (error instanceof AppError) return error;
  forgetArguments(error);
  const text = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
  const answer = findAnswer(text, code);
  const detail = [code, firstLine(text)].filter((part) => part !== "").join(" ");
  if (!answer)
    return new AppError("INTERNAL", `${place.address} answered with an error${place.doing ? ` (${place.doing})` : ""}`, {
      detail,
      fix: "The server's own words are beside this.",
      cause: error,
    });
  const message = place.doing ? `${answer.message(place.address)} (${place.doing})` : answer.message(place.address);
  return new AppError(answer.code, message, {
    fix: answer.fix,
    detail,
    cause: error,
    ...(answer.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: answer.retryAfterSeconds }),
  });
}

/** The first word of what Redis answered: "WRONGTYPE", "ERR"; for a transaction that it refuses as a whole, that of the reason. */
export function errorWord(error: Error): string {
  return wordOf(error.message);
}

function wordOf(text: string): string {
  return /^-?(?:EXECABORT Transaction discarded because of: -?)?([A-Z]+)\b/.exec(text)?.[1] ?? "";
}

/** ioredis hangs the command with its arguments on the error: a password or somebody's data, which would reach the log. */
function forgetArguments(error: unknown): void {
  if (error instanceof Error && "command" in error) delete error.command;
}

function findAnswer(text: string, code: string): Answer | undefined {
  const byCode = BY_CODE[code];
  if (byCode) return byCode;
  if (/CERT|SELF_SIGNED|UNABLE_TO/.test(code)) return UNTRUSTED_CERTIFICATE;
  const byWord = BY_WORD[wordOf(text)];
  if (byWord) return byWord;
  return BY_TEXT.find(([pattern]) => pattern.test(text))?.[1];
}

/** Redis repeats arguments in some errors: only the first line, and not much of it. */
function firstLine(text: string): string {
  const line = text.split(/[\r\n]/, 1)[0] ?? "";
  return line.length > 200 ? `${line.slice(0, 200)}…` : line;
}
