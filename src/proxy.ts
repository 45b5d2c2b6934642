import { randomBytes } from "node:crypto";
import { NextResponse, type NextRequest } from "next/server";
import { env } from "@/env";
import { contentSecurityPolicy, SECURITY_HEADERS, STRICT_TRANSPORT } from "@/server/auth/security-headers";
import { SESSION_COOKIE } from "@/server/auth/session-cookie";
import { PATH_HEADER } from "@/server/auth/path-header";

/**
 * Headers and the way to the sign-in page, for pages only. It decides nothing: whoever gets past it is looked up by the
 * page and by every procedure. Routes under /api set their own headers and are left out, because a request that passes
 * here has its body cut at 10 MB.
 */
export function proxy(request: NextRequest): Response {
  const { pathname, search } = request.nextUrl;
  const nonce = randomBytes(18).toString("base64");
  const policy = contentSecurityPolicy(nonce, { development: env().NODE_ENV === "development" });
  if (pathname.startsWith("/_next/image")) return withHeaders(new Response(null, { status: 404 }), policy);
  if (!isOpen(pathname) && !request.cookies.has(SESSION_COOKIE)) {
    const signIn = new URL("/sign-in", request.url);
    if (pathname !== "/") signIn.searchParams.set("next", pathname + search);
    return withHeaders(NextResponse.redirect(signIn), policy);
  }
  const headers = new Headers(request.headers);
  for (const name of [...headers.keys()]) if (/^x-(middleware|now)-/.test(name)) headers.delete(name);
  headers.set("x-nonce", nonce);
  headers.set("content-security-policy", policy);
  headers.set(PATH_HEADER, pathname + search);
  return withHeaders(NextResponse.next({ request: { headers } }), policy);
}

const isOpen = (pathname: string): boolean => pathname === "/sign-in" || pathname === "/set-up";

function withHeaders(response: Response, policy: string): Response {
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.headers.set(name, value);
  response.headers.set("Content-Security-Policy", policy);
  response.headers.set("Cache-Control", "no-store");
  if (env().CONSOLE_URL?.startsWith("https://")) response.headers.set("Strict-Transport-Security", STRICT_TRANSPORT);
  return response;
}

export const config = { matcher: ["/((?!api/|_next/static|_next/webpack-hmr|icon|favicon|__nextjs).*)"] };
