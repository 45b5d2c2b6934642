import type { Metadata } from "next";
import { BackupsPanel } from "@/backups/backups.panel";
import { LIMITS } from "@/server/limits";
import { ConnectionFrame, mayOf, openConnectionPage, pageTitle } from "@/trpc/connection-page";
import { api, HydrateClient, prefetched } from "@/trpc/server";

type Props = PageProps<"/manage-dbs/mongodb/[connection]/backups">;

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  return { title: pageTitle("mongodb", (await params).connection, "Backups") };
}

export default async function Page({ params }: Props) {
  const page = await openConnectionPage("mongodb", params);
  await prefetched(
    api.mongodb.backups.list.prefetch({ connection: page.name, limit: 200 }),
    api.mongodb.restores.list.prefetch({ connection: page.name, limit: 100 }),
    api.mongodb.schedules.list.prefetch({ connection: page.name }),
    api.mongodb.approvals.list.prefetch({ connection: page.name }),
  );
  return (
    <HydrateClient>
      <ConnectionFrame page={page}>
        <BackupsPanel engine="mongodb" connection={page.name} environment={page.environment} may={mayOf(page)} uploadBytesMax={LIMITS.uploadBytesMax} />
      </ConnectionFrame>
    </HydrateClient>
  );
}
