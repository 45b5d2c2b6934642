import "server-only";
import { API_HEADERS } from "@/server/auth/security-headers";

/** The headers of every answer that is data; those the answer already chose stay. */
export function withSecurityHeaders(response: Response): Response {
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(API_HEADERS)) if (!headers.has(name)) headers.set(name, value);
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}
