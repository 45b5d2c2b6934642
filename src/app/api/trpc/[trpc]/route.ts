import { fetchRequestHandler } from "@trpc/server/adapters/fetch";
import { problemResponse } from "@/server/problem";
import { checkRequestOrigin } from "@/server/auth/request-origin";
import { withSecurityHeaders } from "@/server/auth/security-headers";
import { AppError } from "@/server/errors";
import { LIMITS } from "@/server/limits";
import { createContext } from "@/trpc/context";
import { appRouter } from "@/trpc/root";

async function handle(request: Request): Promise<Response> {
  const refused = checkRequestOrigin(request) ?? checkSize(request);
  if (refused) return problemResponse(refused);
  const response = await fetchRequestHandler({
    endpoint: "/api/trpc",
    req: request,
    router: appRouter,
    createContext: () => createContext(request.headers, { allowToken: false }),
  });
  return withSecurityHeaders(response);
}

function checkSize(request: Request): AppError | null {
  const calls = decodeURIComponent(new URL(request.url).pathname).split(",").length;
  if (calls > LIMITS.batchCallsMax) return new AppError("INVALID", `A batch holds at most ${LIMITS.batchCallsMax} calls`, { fix: "Send fewer calls at once." });
  if (Number(request.headers.get("content-length") ?? 0) > LIMITS.requestBodyBytesMax) return new AppError("LIMIT_EXCEEDED", "The request is larger than 1 MiB", { fix: "Send less at once." });
  return null;
}

export { handle as GET, handle as POST };
