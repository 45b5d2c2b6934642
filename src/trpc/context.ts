import "server-only";
import { resolvePrincipal } from "@/server/auth/principal";
import { clientAddress } from "@/server/auth/principal";
import { newRequestId } from "@/server/logger";
import type { Context } from "@/trpc/init";

/** The context of one request. Tokens are taken on the REST face only; the console has sessions. */
export async function createContext(headers: Headers, options: { allowToken: boolean }): Promise<Context> {
  return { principal: await resolvePrincipal(headers, options), requestId: newRequestId(), address: clientAddress(headers) };
}
