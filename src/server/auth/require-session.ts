import "server-only";
import { cache } from "react";
import { headers } from "next/headers";
import { redirect } from "next/navigation";
import { PATH_HEADER } from "@/server/auth/path-header";
import { type Principal, resolvePrincipal } from "@/server/auth/principal";

/** Who looks at this page; sends to the sign-in page when nobody does. One look-up a request. */
export const requireSession = cache(async (): Promise<Principal> => {
  const requestHeaders = await headers();
  const principal = await resolvePrincipal(requestHeaders, { allowToken: false });
  if (principal) return principal;
  redirect(`/sign-in?next=${encodeURIComponent(requestHeaders.get(PATH_HEADER) ?? "/")}`);
});
