import type { Metadata } from "next";
import { roleMay } from "@/lib/rights";
import { requireSession } from "@/server/auth/require-session";
import { api, HydrateClient, prefetched } from "@/trpc/server";
import { HomePanel } from "./home.panel";

export const metadata: Metadata = { title: "Home" };

export default async function Page() {
  const { role } = await requireSession();
  await prefetched(
    api.connections.list.prefetch({}),
    api.backups.list.prefetch({ limit: 500, sinceDays: 30 }),
    api.backups.attention.prefetch(),
    api.jobs.list.prefetch({ limit: 6 }),
  );
  return (
    <HydrateClient>
      <HomePanel mayAdminister={roleMay(role, "administer")} />
    </HydrateClient>
  );
}
