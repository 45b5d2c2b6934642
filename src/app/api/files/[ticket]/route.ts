/** File streams: the one hand-written handler. A ticket is spent on the first use; an error in the middle breaks the transfer. */
import { openStream, type FileStream } from "@/server/file-streams";
import { clientAddress, resolvePrincipal } from "@/server/auth/principal";
import { withSecurityHeaders } from "@/server/security-response";
import { AppError } from "@/server/errors";
import { logger, newRequestId } from "@/server/logger";
import { problemResponse } from "@/server/problem";
import { engineServers } from "@/trpc/engine-servers";

export async function GET(request: Request, { params }: { params: Promise<{ ticket: string }> }): Promise<Response> {
  const requestId = newRequestId();
  try {
    const principal = await resolvePrincipal(request.headers, { allowToken: true });
    if (!principal) throw new AppError("UNAUTHENTICATED", "You are not signed in", { fix: "Sign in and ask for the file again." });
    const { ticket } = await params;
    const stream = await openStream({
      principal,
      ticket,
      range: request.headers.get("range"),
      engines: engineServers,
      signal: request.signal,
      audit: { address: clientAddress(request.headers), requestId },
    });
    return withSecurityHeaders(new Response(stream.body, { status: stream.status, headers: headersOf(stream) }));
  } catch (error) {
    if (error instanceof AppError) return problemResponse(error);
    logger().error({ requestId, error }, "file stream failed to open");
    return problemResponse(new AppError("INTERNAL", `The console failed at this; the log has it under ${requestId}`));
  }
}

/** Next answers HEAD by running GET and throwing the body away: that would spend the ticket and run the export for nobody. */
export function HEAD(): Response {
  return withSecurityHeaders(new Response(null, { status: 405, headers: { allow: "GET", "cache-control": "no-store" } }));
}

function headersOf(stream: FileStream): Headers {
  const headers = new Headers({
    "content-type": stream.contentType,
    // A plain ASCII name for old clients, the exact one in RFC 5987 form.
    "content-disposition": `attachment; filename="${stream.fileName.replaceAll(/[^A-Za-z0-9._-]/g, "_")}"; filename*=UTF-8''${encodeURIComponent(stream.fileName)}`,
    "content-security-policy": "default-src 'none'; sandbox",
    "cache-control": "no-store, no-transform",
    "x-content-type-options": "nosniff",
  });
  if (stream.length !== null) headers.set("content-length", String(stream.length));
  if (stream.contentRange) headers.set("content-range", stream.contentRange);
  if (stream.etag) headers.set("etag", stream.etag);
  if (stream.length !== null) headers.set("accept-ranges", "bytes");
  return headers;
}
