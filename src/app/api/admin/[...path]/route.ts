/** The REST face, generated from the router. Nothing is written by hand here but the shape of errors and redirects. */
import type { TRPCError } from "@trpc/server";
import { createOpenApiFetchHandler } from "trpc-to-openapi";
import { checkRequestOrigin } from "@/server/auth/request-origin";
import { withSecurityHeaders } from "@/server/security-response";
import { boundedRequest } from "@/server/bounded-request";
import { AppError } from "@/server/errors";
import { problem, problemResponse } from "@/server/problem";
import { openApiDocument } from "@/trpc/openapi";
import { createContext } from "@/trpc/context";
import { restRouter } from "@/trpc/rest-router";

async function handle(request: Request): Promise<Response> {
  try {
    const refused = checkRequestOrigin(request);
    if (refused) throw refused;
    return await answer(await boundedRequest(request));
  } catch (error) {
    if (error instanceof AppError) return problemResponse(error);
    throw error;
  }
}

async function answer(request: Request): Promise<Response> {
  const context = await createContext(request.headers, { allowToken: true });
  if (new URL(request.url).pathname === "/api/admin/openapi.json") {
    if (!context.principal) throw new AppError("UNAUTHENTICATED", "You are not signed in", { fix: "Sign in, or send an API token." });
    return withSecurityHeaders(Response.json(openApiDocument()));
  }
  const errors: TRPCError[] = [];
  const response = await createOpenApiFetchHandler({
    endpoint: "/api/admin",
    req: request,
    router: restRouter,
    createContext: () => context,
    onError: ({ error }) => errors.push(error),
    responseMeta: ({ data }) => redirectOf((data as unknown[] | undefined)?.[0]),
  });
  if (response.status < 400) return withSecurityHeaders(response);
  return asProblem(response, errors[0], context.requestId);
}

/** A procedure that answers a file ticket becomes a redirect to its stream. */
function redirectOf(data: unknown): { status?: number; headers?: Record<string, string> } {
  const url = (data as { url?: unknown; expiresAt?: unknown } | null)?.url;
  return typeof url === "string" && url.startsWith("/api/files/") ? { status: 303, headers: { location: url } } : {};
}

async function asProblem(response: Response, error: TRPCError | undefined, requestId: string): Promise<Response> {
  const app = error?.cause instanceof AppError ? error.cause : null;
  const body = (await response.json().catch(() => ({}))) as { message?: string; code?: string };
  return problem({
    status: response.status,
    code: app?.code ?? body.code ?? "INTERNAL",
    title: app?.message ?? body.message ?? "The request failed",
    fix: app?.fix,
    detail: app?.detail,
    retryAfterSeconds: app?.retryAfterSeconds,
    requestId,
  });
}

export { handle as DELETE, handle as GET, handle as PATCH, handle as POST, handle as PUT };
