import type { Metadata } from "next";
import { requireSession } from "@/server/auth/require-session";
import { api, HydrateClient, prefetched } from "@/trpc/server";
import { JobPanel } from "./job.panel";

export const metadata: Metadata = { title: "Job" };

export default async function Page({ params }: PageProps<"/jobs/[job]">) {
  await requireSession();
  const id = decodeURIComponent((await params).job);
  await prefetched(api.jobs.get.prefetch({ id }));
  return (
    <HydrateClient>
      <JobPanel id={id} />
    </HydrateClient>
  );
}
