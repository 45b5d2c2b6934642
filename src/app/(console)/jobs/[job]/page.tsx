import type { Metadata } from "next";
import { requireSession } from "@/server/auth/require-session";
import { api, HydrateClient } from "@/trpc/server";
import { JobPanel } from "./job.panel";

export const metadata: Metadata = { title: "Job" };

export default async function Page({ params }: PageProps<"/jobs/[job]">) {
  await requireSession();
  const id = decodeURIComponent((await params).job);
  void api.jobs.get.prefetch({ id });
  return (
    <HydrateClient>
      <JobPanel id={id} />
    </HydrateClient>
  );
}
