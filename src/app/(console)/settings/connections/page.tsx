import type { Metadata } from "next";
import { notFound } from "next/navigation";
import { roleMay } from "@/lib/rights";
import { requireSession } from "@/server/auth/require-session";
import { api, HydrateClient, prefetched } from "@/trpc/server";
import { SettingsFrame } from "../settings-frame";
import { ConnectionsPanel } from "./connections.panel";

export const metadata: Metadata = { title: "Connections" };

export default async function Page() {
  const { role } = await requireSession();
  if (!roleMay(role, "administer")) notFound();
  await prefetched(api.connections.list.prefetch({}));
  return (
    <HydrateClient>
      <SettingsFrame admin>
        <ConnectionsPanel />
      </SettingsFrame>
    </HydrateClient>
  );
}
