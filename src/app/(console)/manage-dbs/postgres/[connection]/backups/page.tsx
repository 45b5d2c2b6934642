import type { Metadata } from "next";
import { BackupsPanel } from "@/backups/backups.panel";
import { LIMITS } from "@/server/limits";
import { ConnectionFrame, mayOf, openConnectionPage, pageTitle } from "@/trpc/connection-page";
import { api, HydrateClient, prefetched } from "@/trpc/server";

type Props = PageProps<"/manage-dbs/postgres/[connection]/backups">;

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  return { title: pageTitle("postgres", (await params).connection, "Backups") };
}

export default async function Page({ params }: Props) {
  const page = await openConnectionPage("postgres", params);
  await prefetched(
    api.postgres.backups.list.prefetch({ connection: page.name, limit: 200 }),
    api.postgres.restores.list.prefetch({ connection: page.name, limit: 100 }),
    api.postgres.schedules.list.prefetch({ connection: page.name }),
    api.postgres.approvals.list.prefetch({ connection: page.name }),
  );
  return (
    <HydrateClient>
      <ConnectionFrame page={page}>
        <BackupsPanel engine="postgres" connection={page.name} environment={page.environment} may={mayOf(page)} uploadBytesMax={LIMITS.uploadBytesMax} />
      </ConnectionFrame>
    </HydrateClient>
  );
}
