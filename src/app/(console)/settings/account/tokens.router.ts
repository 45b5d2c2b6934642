import "server-only";
import { z } from "zod";
import { NewToken, TokenView } from "@/app/(console)/users/users.schema";
import { openTokens } from "@/app/(console)/users/users.service";
import { procedure, requireRecentSignIn, router } from "@/trpc/init";
import { makeToken, revokeOwnToken } from "./account.service";

const tags = ["session"];

/** The own API tokens. */
export const tokensRouter = router({
  list: procedure
    .action("read")
    .meta({ openapi: { method: "GET", path: "/session/tokens", tags, summary: "The own API tokens" } })
    .output(z.object({ tokens: z.array(TokenView) }))
    .query(async ({ ctx }) => ({ tokens: await openTokens(ctx.principal.userId) })),

  add: procedure
    .action("read")
    .input(NewToken)
    .output(z.object({ id: z.string(), token: z.string() }))
    .mutation(({ ctx, input }) => {
      requireRecentSignIn(ctx.principal);
      return makeToken(ctx.principal, input);
    }),

  revoke: procedure
    .action("read")
    .meta({ openapi: { method: "POST", path: "/session/tokens/{id}/revoke", tags, summary: "End an own API token" } })
    .input(z.object({ id: z.string().min(1).max(100) }))
    .output(z.object({ done: z.literal(true) }))
    .mutation(async ({ ctx, input }) => {
      await revokeOwnToken(ctx.principal, input.id);
      return { done: true as const };
    }),
});
