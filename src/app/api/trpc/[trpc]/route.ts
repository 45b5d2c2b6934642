import { fetchRequestHandler } from "@trpc/server/adapters/fetch";
import { checkRequestOrigin } from "@/server/auth/request-origin";
import { boundedRequest } from "@/server/bounded-request";
import { AppError } from "@/server/errors";
import { LIMITS } from "@/server/limits";
import { problemResponse } from "@/server/problem";
import { withSecurityHeaders } from "@/server/security-response";
import { createContext } from "@/trpc/context";
import { appRouter } from "@/trpc/root";

async function handle(request: Request): Promise<Response> {
  try {
    const refused = checkRequestOrigin(request) ?? checkBatch(request);
    if (refused) throw refused;
    const response = await fetchRequestHandler({
      endpoint: "/api/trpc",
      req: await boundedRequest(request),
      router: appRouter,
      createContext: () => createContext(request.headers, { allowToken: false }),
    });
    return withSecurityHeaders(response);
  } catch (error) {
    if (error instanceof AppError) return problemResponse(error);
    throw error;
  }
}

function checkBatch(request: Request): AppError | null {
  const calls = new URL(request.url).pathname.split(/,|%2C/i).length;
  return calls <= LIMITS.batchCallsMax
    ? null
    : new AppError("INVALID", `A batch holds at most ${LIMITS.batchCallsMax} calls`, { fix: "Send fewer calls at once." });
}

export { handle as GET, handle as POST };
