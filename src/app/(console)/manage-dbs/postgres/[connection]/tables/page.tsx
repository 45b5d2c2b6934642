import type { Metadata } from "next";
import { TablesPanel } from "@/sql/tables.panel";
import { ConnectionFrame, openConnectionPage, pageTitle } from "@/trpc/connection-page";
import { api, HydrateClient, prefetched } from "@/trpc/server";

type Props = PageProps<"/manage-dbs/postgres/[connection]/tables">;

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  return { title: pageTitle("postgres", (await params).connection, "Tables") };
}

export default async function Page({ params }: Props) {
  const page = await openConnectionPage("postgres", params);
  await prefetched(api.postgres.tables.list.prefetch({ connection: page.name }));
  return (
    <HydrateClient>
      <ConnectionFrame page={page}>
        <TablesPanel engine="postgres" connection={page.name} mayExport={page.may("export")} />
      </ConnectionFrame>
    </HydrateClient>
  );
}
