import "server-only";
import { AppError } from "@/server/errors";
import { LIMITS } from "@/server/limits";

/** The request with its body read, up to 1 MiB whatever its headers say. @throws AppError LIMIT_EXCEEDED */
export async function boundedRequest(request: Request): Promise<Request> {
  const tooLarge = new AppError("LIMIT_EXCEEDED", "The request is larger than 1 MiB", { fix: "Send less at once." });
  if (Number(request.headers.get("content-length") ?? 0) > LIMITS.requestBodyBytesMax) throw tooLarge;
  if (request.body === null) return request;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request.body) {
    bytes += chunk.byteLength;
    if (bytes > LIMITS.requestBodyBytesMax) throw tooLarge;
    chunks.push(chunk);
  }
  return new Request(request.url, { method: request.method, headers: request.headers, body: Buffer.concat(chunks), signal: request.signal });
}
