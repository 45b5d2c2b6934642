import type { Metadata } from "next";
import { SchedulesPanel } from "@/backups/schedules.panel";
import { ConnectionFrame, mayOf, openConnectionPage, pageTitle } from "@/trpc/connection-page";
import { api, HydrateClient, prefetched } from "@/trpc/server";

type Props = PageProps<"/manage-dbs/sqlite/[connection]/backups/schedules">;

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  return { title: pageTitle("sqlite", (await params).connection, "Schedules") };
}

export default async function Page({ params }: Props) {
  const page = await openConnectionPage("sqlite", params);
  await prefetched(api.sqlite.schedules.list.prefetch({ connection: page.name }), api.sqlite.approvals.list.prefetch({ connection: page.name }));
  return (
    <HydrateClient>
      <ConnectionFrame page={page}>
        <SchedulesPanel engine="sqlite" connection={page.name} environment={page.environment} may={mayOf(page)} />
      </ConnectionFrame>
    </HydrateClient>
  );
}
