import type { Metadata } from "next";
import { BackupDetailPanel } from "@/backups/backup-detail.panel";
import { ConnectionFrame, mayOf, openConnectionPage, pageTitle } from "@/trpc/connection-page";
import { api, HydrateClient, prefetched } from "@/trpc/server";

type Props = PageProps<"/manage-dbs/redis/[connection]/backups/[backup]">;

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  return { title: pageTitle("redis", (await params).connection, "Backup") };
}

export default async function Page({ params }: Props) {
  const page = await openConnectionPage("redis", params);
  const id = decodeURIComponent((await params).backup);
  await prefetched(api.redis.backups.get.prefetch({ connection: page.name, id }));
  return (
    <HydrateClient>
      <ConnectionFrame page={page}>
        <BackupDetailPanel engine="redis" connection={page.name} environment={page.environment} id={id} may={mayOf(page)} />
      </ConnectionFrame>
    </HydrateClient>
  );
}
