/** `POST /api/files/upload?engine=..&connection=..&name=..` with the file as the body: a stream, so not a procedure. */
import { takeUpload } from "@/server/file-uploads";
import { clientAddress, resolvePrincipal } from "@/server/auth/principal";
import { checkUploadOrigin } from "@/server/auth/request-origin";
import { AppError } from "@/server/errors";
import { logger, newRequestId } from "@/server/logger";
import { problemResponse } from "@/server/problem";
import { withSecurityHeaders } from "@/server/security-response";
import { engineServers } from "@/trpc/engine-servers";

export async function POST(request: Request): Promise<Response> {
  const requestId = newRequestId();
  try {
    const principal = await resolvePrincipal(request.headers, { allowToken: true });
    if (!principal) throw new AppError("UNAUTHENTICATED", "You are not signed in", { fix: "Sign in, or send an API token." });
    const refused = checkUploadOrigin(request);
    if (refused) throw refused;
    const received = await takeUpload({
      principal,
      query: new URL(request.url).searchParams,
      body: request.body,
      contentLength: request.headers.get("content-length"),
      engines: engineServers,
      signal: request.signal,
      audit: { address: clientAddress(request.headers), requestId },
    });
    return withSecurityHeaders(Response.json(received, { status: 202, headers: { "cache-control": "no-store" } }));
  } catch (error) {
    if (error instanceof AppError) return problemResponse(error);
    logger().error({ requestId, error }, "an upload failed");
    return problemResponse(new AppError("INTERNAL", `The console failed at this; the log has it under ${requestId}`));
  }
}
