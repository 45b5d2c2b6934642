import "server-only";
import { z } from "zod";
import { SessionView } from "@/app/(console)/users/users.schema";
import { openSessions } from "@/app/(console)/users/users.service";
import { ROLES } from "@/lib/rights";
import { changePassword, reauthenticate } from "@/server/auth/session-changes";
import { procedure, router } from "@/trpc/init";
import { endOtherSessions } from "./account.service";
import { tokensRouter } from "./tokens.router";

const tags = ["session"];
const Password = z.string().min(1).max(128);

/** What everybody may do with their own session. */
export const sessionRouter = router({
  me: procedure
    .action("read")
    .meta({ openapi: { method: "GET", path: "/session", tags, summary: "Who is asking" } })
    .output(z.object({ name: z.string(), email: z.string(), role: z.enum(ROLES), kind: z.enum(["session", "token"]), signedInAt: z.string() }))
    .query(({ ctx }) => {
      const { name, email, role, kind, signedInAt } = ctx.principal;
      return { name, email, role, kind, signedInAt };
    }),

  reauthenticate: procedure
    .action("read")
    .input(z.object({ password: Password }))
    .output(z.object({ signedInAt: z.string() }))
    .mutation(({ ctx, input }) => reauthenticate(ctx.principal, input.password)),

  changePassword: procedure
    .action("read")
    .input(z.object({ current: Password, next: Password }))
    .output(z.object({ endedSessions: z.number() }))
    .mutation(({ ctx, input }) => changePassword(ctx.principal, input)),

  list: procedure
    .action("read")
    .meta({ openapi: { method: "GET", path: "/session/list", tags, summary: "The own sessions that are open" } })
    .output(z.object({ sessions: z.array(SessionView) }))
    .query(async ({ ctx }) => ({ sessions: await openSessions({ userId: ctx.principal.userId, currentKey: ctx.principal.sessionKey }) })),

  endOthers: procedure
    .action("read")
    .output(z.object({ ended: z.number() }))
    .mutation(({ ctx }) => endOtherSessions(ctx.principal)),

  tokens: tokensRouter,
});
