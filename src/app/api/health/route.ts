import { API_HEADERS } from "@/server/auth/security-headers";

// Answered anew each time: a kept answer would say "up" of a console that is down.
export const dynamic = "force-dynamic";

/** That the console is up, and nothing else: anybody may ask. */
export function GET(): Response {
  return new Response('{"status":"up"}', { headers: { ...API_HEADERS, "Content-Type": "application/json" } });
}
