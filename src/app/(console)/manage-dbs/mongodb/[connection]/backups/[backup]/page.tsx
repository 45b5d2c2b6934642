import type { Metadata } from "next";
import { BackupDetailPanel } from "@/backups/backup-detail.panel";
import { ConnectionFrame, mayOf, openConnectionPage, pageTitle } from "@/trpc/connection-page";
import { api, HydrateClient, prefetched } from "@/trpc/server";

type Props = PageProps<"/manage-dbs/mongodb/[connection]/backups/[backup]">;

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  return { title: pageTitle("mongodb", (await params).connection, "Backup") };
}

export default async function Page({ params }: Props) {
  const page = await openConnectionPage("mongodb", params);
  const id = decodeURIComponent((await params).backup);
  await prefetched(api.mongodb.backups.get.prefetch({ connection: page.name, id }));
  return (
    <HydrateClient>
      <ConnectionFrame page={page}>
        <BackupDetailPanel engine="mongodb" connection={page.name} environment={page.environment} id={id} may={mayOf(page)} />
      </ConnectionFrame>
    </HydrateClient>
  );
}
