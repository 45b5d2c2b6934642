import "server-only";
import { randomBytes } from "node:crypto";
import { pino, stdSerializers, type Logger } from "pino";
import { env } from "@/env";
import { maskCredentials } from "@/server/audit-redact";
import { single } from "@/server/single";

const HIDDEN = ["password", "secret", "token", "url", "uri", "authorization", "cookie"];

/** One JSON line an event on standard output; secrets are hidden by name, and wherever a URL carries a password. */
export function logger(): Logger {
  return single("logger", () =>
    pino({
      level: env().LOG_LEVEL,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths: HIDDEN.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: "***" },
      serializers: { err: errorWithoutSecrets, error: errorWithoutSecrets },
    }),
  );
}

const LOGGED_MAX = 16_384;

function errorWithoutSecrets(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { type, message, stack } = stdSerializers.errWithCause(error);
  return { type, message: maskCredentials(message.slice(0, LOGGED_MAX)), stack: maskCredentials(stack.slice(0, LOGGED_MAX)) };
}

const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** `req_` and 16 characters of base32 that sort by time: 10 of milliseconds, 6 random. */
export function newRequestId(now = Date.now()): string {
  let time = "";
  for (let rest = now, place = 0; place < 10; place += 1, rest = Math.floor(rest / 32)) time = CROCKFORD.charAt(rest % 32) + time;
  const random = [...randomBytes(6)].map((byte) => CROCKFORD.charAt(byte % 32)).join("");
  return `req_${time}${random}`;
}
