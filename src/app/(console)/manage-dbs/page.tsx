import { redirect } from "next/navigation";
import { firstConnection } from "@/components/shell/shell-location";
import { requireSession } from "@/server/auth/require-session";
import { api } from "@/trpc/server";

/** The tabs open on the first connection that can be reached at all. */
export default async function Page() {
  await requireSession();
  const { connections } = await api.connections.list({});
  const first = firstConnection(connections);
  redirect(first ? `/manage-dbs/${first.id}` : "/settings");
}
