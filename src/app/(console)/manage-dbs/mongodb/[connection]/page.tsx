import type { Metadata } from "next";
import { BackUpButton } from "@/backups/back-up-button";
import { api, HydrateClient, prefetched } from "@/trpc/server";
import { ConnectionFrame, openConnectionPage, pageTitle } from "@/trpc/connection-page";
import { OverviewPanel } from "../../overview.panel";

type Props = PageProps<"/manage-dbs/mongodb/[connection]">;

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  return { title: pageTitle("mongodb", (await params).connection, "Overview") };
}

export default async function Page({ params }: Props) {
  const page = await openConnectionPage("mongodb", params);
  await prefetched(api.mongodb.overview.prefetch({ connection: page.name }), api.mongodb.backups.list.prefetch({ connection: page.name, limit: 100 }));
  return (
    <HydrateClient>
      <ConnectionFrame page={page} action={page.may("backup") ? <BackUpButton engine="mongodb" connection={page.name} size="sm" /> : null}>
        <OverviewPanel engine="mongodb" connection={page.name} mayBackUp={page.may("backup")} />
      </ConnectionFrame>
    </HydrateClient>
  );
}
