import type { Metadata } from "next";
import { BackUpButton } from "@/backups/back-up-button";
import { api, HydrateClient, prefetched } from "@/trpc/server";
import { ConnectionFrame, openConnectionPage, pageTitle } from "@/trpc/connection-page";
import { OverviewPanel } from "../../overview.panel";

type Props = PageProps<"/manage-dbs/sqlite/[connection]">;

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  return { title: pageTitle("sqlite", (await params).connection, "Overview") };
}

export default async function Page({ params }: Props) {
  const page = await openConnectionPage("sqlite", params);
  await prefetched(api.sqlite.overview.prefetch({ connection: page.name }), api.sqlite.backups.list.prefetch({ connection: page.name, limit: 100 }));
  return (
    <HydrateClient>
      <ConnectionFrame page={page} action={page.may("backup") ? <BackUpButton engine="sqlite" connection={page.name} size="sm" /> : null}>
        <OverviewPanel engine="sqlite" connection={page.name} mayBackUp={page.may("backup")} />
      </ConnectionFrame>
    </HydrateClient>
  );
}
