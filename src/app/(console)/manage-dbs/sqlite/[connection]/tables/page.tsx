import type { Metadata } from "next";
import { TablesPanel } from "@/sql/tables.panel";
import { ConnectionFrame, openConnectionPage, pageTitle } from "@/trpc/connection-page";
import { api, HydrateClient, prefetched } from "@/trpc/server";

type Props = PageProps<"/manage-dbs/sqlite/[connection]/tables">;

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  return { title: pageTitle("sqlite", (await params).connection, "Tables") };
}

export default async function Page({ params }: Props) {
  const page = await openConnectionPage("sqlite", params);
  await prefetched(api.sqlite.tables.list.prefetch({ connection: page.name }));
  return (
    <HydrateClient>
      <ConnectionFrame page={page}>
        <TablesPanel engine="sqlite" connection={page.name} mayExport={page.may("export")} />
      </ConnectionFrame>
    </HydrateClient>
  );
}
