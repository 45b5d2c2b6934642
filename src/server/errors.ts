/**
 * The one error type a person may read. Everything else that is thrown is a fault of the console: it is logged with
 * its stack and answered with a fixed sentence and a request id.
 */

export type AppErrorCode =
  | "UNAUTHENTICATED"
  | "FORBIDDEN"
  | "NOT_FOUND"
  | "INVALID"
  | "CONFLICT"
  | "UNREACHABLE"
  | "AUTH_FAILED"
  | "TIMEOUT"
  | "READ_ONLY"
  | "UNSUPPORTED"
  | "LIMIT_EXCEEDED"
  | "TOO_MANY_REQUESTS"
  | "TOOL_MISSING"
  | "CANCELLED"
  | "INTERNAL";

export interface AppErrorOptions {
  /** What to do about it, one sentence. */
  fix?: string;
  /** The engine's own words or code, already free of secrets: "57014 query_canceled". */
  detail?: string;
  /** Seconds to wait before the next try (TOO_MANY_REQUESTS, UNREACHABLE). */
  retryAfterSeconds?: number;
  cause?: unknown;
}

const BRAND = Symbol.for("foundry-console.AppError");

export class AppError extends Error {
  // Next makes this class once per bundle, and a pool on globalThis throws the one of the bundle that opened it.
  static override [Symbol.hasInstance](this: unknown, value: unknown): value is AppError {
    if (this !== AppError) return Boolean(Function.prototype[Symbol.hasInstance].call(this, value));
    return typeof value === "object" && value !== null && BRAND in value;
  }

  readonly [BRAND] = true;
  readonly code: AppErrorCode;
  readonly fix: string | undefined;
  readonly detail: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  /** @param message what happened, and to what: "db1:5432 refuses the connection" */
  constructor(code: AppErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "AppError";
    this.code = code;
    this.fix = options.fix;
    this.detail = options.detail;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

export const isAbort = (error: unknown): boolean =>
  error instanceof Error && (error.name === "AbortError" || (error instanceof AppError && error.code === "CANCELLED"));

export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new AppError("CANCELLED", "Cancelled", { cause: signal.reason });
}
