import type { Metadata } from "next";
import { BackupsPanel } from "@/backups/backups.panel";
import { LIMITS } from "@/server/limits";
import { ConnectionFrame, mayOf, openConnectionPage, pageTitle } from "@/trpc/connection-page";
import { api, HydrateClient, prefetched } from "@/trpc/server";

type Props = PageProps<"/manage-dbs/sqlite/[connection]/backups">;

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  return { title: pageTitle("sqlite", (await params).connection, "Backups") };
}

export default async function Page({ params }: Props) {
  const page = await openConnectionPage("sqlite", params);
  await prefetched(
    api.sqlite.backups.list.prefetch({ connection: page.name, limit: 200 }),
    api.sqlite.restores.list.prefetch({ connection: page.name, limit: 100 }),
    api.sqlite.schedules.list.prefetch({ connection: page.name }),
    api.sqlite.approvals.list.prefetch({ connection: page.name }),
  );
  return (
    <HydrateClient>
      <ConnectionFrame page={page}>
        <BackupsPanel engine="sqlite" connection={page.name} environment={page.environment} may={mayOf(page)} uploadBytesMax={LIMITS.uploadBytesMax} />
      </ConnectionFrame>
    </HydrateClient>
  );
}
