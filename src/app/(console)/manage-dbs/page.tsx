import { redirect } from "next/navigation";
import { requireSession } from "@/server/auth/require-session";
import { api } from "@/trpc/server";

/** The tabs open on the first connection that can be reached at all. */
export default async function Page() {
  await requireSession();
  const { connections } = await api.connections.list({});
  const first = connections.find((entry) => entry.missing === null && entry.source !== "built-in") ?? connections[0];
  redirect(first ? `/manage-dbs/${first.id}` : "/settings");
}
