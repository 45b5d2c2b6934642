import { notFound, redirect } from "next/navigation";
import { isEngineId } from "@/engines";
import { requireSession } from "@/server/auth/require-session";
import { api } from "@/trpc/server";

/** An engine's tab opens on its first connection. */
export default async function Page({ params }: PageProps<"/manage-dbs/[engine]">) {
  await requireSession();
  const { engine } = await params;
  if (!isEngineId(engine)) notFound();
  const { connections } = await api.connections.list({ engine });
  if (!connections[0]) notFound();
  redirect(`/manage-dbs/${connections[0].id}`);
}
