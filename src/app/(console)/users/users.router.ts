import "server-only";
import { z } from "zod";
import { procedure, requireRecentSignIn, router } from "@/trpc/init";
import { NewUser, SessionView, TokenView, UserDisabled, UserEmail, UserGrant, UserPassword, UserRole, UserView } from "./users.schema";
import {
  addUser,
  endSession,
  endSessionsOf,
  endToken,
  openSessions,
  openTokens,
  setDisabled,
  setGrant,
  setPassword,
  setRole,
  usersWithRights,
} from "./users.service";

const Done = z.object({ done: z.literal(true) });
const done = { done: true as const };
const tags = ["users"];
const Id = z.object({ id: z.string().min(1).max(100) });

export const usersRouter = router({
  list: procedure
    .action("administer")
    .meta({ openapi: { method: "GET", path: "/users", tags, summary: "Everybody with an account, and their rights" } })
    .output(z.object({ users: z.array(UserView) }))
    .query(async ({ ctx }) => ({ users: await usersWithRights(ctx.principal) })),

  add: procedure
    .action("administer")
    .meta({ openapi: { method: "POST", path: "/users", tags, summary: "Add somebody, with a first password" } })
    .input(NewUser)
    .output(z.object({ id: z.string() }))
    .mutation(({ ctx, input }) => {
      requireRecentSignIn(ctx.principal);
      return addUser(input);
    }),

  setRole: procedure
    .action("administer")
    .meta({ openapi: { method: "POST", path: "/users/role", tags, summary: "Change somebody's role" } })
    .input(UserRole)
    .output(Done)
    .mutation(async ({ ctx, input }) => {
      requireRecentSignIn(ctx.principal);
      await setRole(ctx.principal, input);
      return done;
    }),

  setDisabled: procedure
    .action("administer")
    .meta({ openapi: { method: "POST", path: "/users/disabled", tags, summary: "Keep somebody out, or let them in again" } })
    .input(UserDisabled)
    .output(Done)
    .mutation(async ({ ctx, input }) => {
      // Keeping somebody out must be quick; letting in is a grant of rights.
      if (!input.disabled) requireRecentSignIn(ctx.principal);
      await setDisabled(ctx.principal, input);
      return done;
    }),

  setPassword: procedure
    .action("administer")
    .meta({ openapi: { method: "POST", path: "/users/password", tags, summary: "Give somebody a new password" } })
    .input(UserPassword)
    .output(Done)
    .mutation(async ({ ctx, input }) => {
      requireRecentSignIn(ctx.principal);
      await setPassword(ctx.principal, input);
      return done;
    }),

  setGrant: procedure
    .action("administer")
    .meta({ openapi: { method: "POST", path: "/users/grants", tags, summary: "Give somebody another role on one connection" } })
    .input(UserGrant)
    .output(Done)
    .mutation(async ({ ctx, input }) => {
      requireRecentSignIn(ctx.principal);
      await setGrant(ctx.principal, input);
      return done;
    }),

  sessions: procedure
    .action("administer")
    .meta({ openapi: { method: "GET", path: "/users/sessions", tags, summary: "Sessions that are open" } })
    .output(z.object({ sessions: z.array(SessionView) }))
    .query(async ({ ctx }) => ({ sessions: await openSessions({ currentKey: ctx.principal.sessionKey }) })),

  endSessions: procedure
    .action("administer")
    .meta({ openapi: { method: "POST", path: "/users/sessions/end", tags, summary: "End all sessions of somebody" } })
    .input(UserEmail)
    .output(z.object({ ended: z.number() }))
    .mutation(({ ctx, input }) => endSessionsOf(ctx.principal, input.email)),

  endSession: procedure
    .action("administer")
    .meta({ openapi: { method: "POST", path: "/users/sessions/{id}/end", tags, summary: "End one session" } })
    .input(Id)
    .output(Done)
    .mutation(async ({ input }) => {
      await endSession(input.id);
      return done;
    }),

  tokens: procedure
    .action("administer")
    .meta({ openapi: { method: "GET", path: "/users/tokens", tags, summary: "API tokens of everybody" } })
    .output(z.object({ tokens: z.array(TokenView) }))
    .query(async () => ({ tokens: await openTokens() })),

  revokeToken: procedure
    .action("administer")
    .meta({ openapi: { method: "POST", path: "/users/tokens/{id}/revoke", tags, summary: "End an API token of anybody" } })
    .input(Id)
    .output(Done)
    .mutation(async ({ input }) => {
      await endToken(input.id);
      return done;
    }),
});
