import type { Metadata } from "next";
import { requireSession } from "@/server/auth/require-session";
import { api, HydrateClient, prefetched } from "@/trpc/server";
import { JobsPanel } from "./jobs.panel";

export const metadata: Metadata = { title: "Jobs" };

export default async function Page() {
  await requireSession();
  await prefetched(api.jobs.list.prefetch({ limit: 100 }));
  return (
    <HydrateClient>
      <JobsPanel />
    </HydrateClient>
  );
}
