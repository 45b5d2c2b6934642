import "server-only";
import { withSecurityHeaders } from "@/server/security-response";
import type { AppError, AppErrorCode } from "@/server/errors";

export const HTTP_STATUS: Record<AppErrorCode, number> = {
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  INVALID: 400,
  CONFLICT: 409,
  UNREACHABLE: 503,
  AUTH_FAILED: 502,
  TIMEOUT: 504,
  READ_ONLY: 403,
  UNSUPPORTED: 422,
  LIMIT_EXCEEDED: 413,
  TOO_MANY_REQUESTS: 429,
  TOOL_MISSING: 412,
  CANCELLED: 499,
  INTERNAL: 500,
};

export interface Problem {
  status: number;
  code: string;
  title: string;
  fix?: string | undefined;
  detail?: string | undefined;
  requestId?: string | undefined;
  retryAfterSeconds?: number | undefined;
}

/** An error answer as RFC 9457 application/problem+json. */
export function problem({ status, code, title, fix, detail, requestId, retryAfterSeconds }: Problem): Response {
  const headers = new Headers({ "content-type": "application/problem+json" });
  if (retryAfterSeconds !== undefined) headers.set("retry-after", String(Math.ceil(retryAfterSeconds)));
  return withSecurityHeaders(new Response(JSON.stringify({ type: "about:blank", title, status, code, fix, detail, requestId }), { status, headers }));
}

export function problemResponse(error: AppError): Response {
  return problem({
    status: HTTP_STATUS[error.code],
    code: error.code,
    title: error.message,
    fix: error.fix,
    detail: error.detail,
    retryAfterSeconds: error.retryAfterSeconds,
  });
}
