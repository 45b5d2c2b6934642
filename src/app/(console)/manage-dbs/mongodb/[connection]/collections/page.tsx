import type { Metadata } from "next";
import { ConnectionFrame, openConnectionPage, pageTitle } from "@/trpc/connection-page";
import { api, HydrateClient, prefetched } from "@/trpc/server";
import { CollectionsPanel } from "./collections.panel";
import { collectionsState } from "./collections.state";

type Props = PageProps<"/manage-dbs/mongodb/[connection]/collections">;

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  return { title: pageTitle("mongodb", (await params).connection, "Collections") };
}

export default async function Page({ params, searchParams }: Props) {
  const page = await openConnectionPage("mongodb", params);
  const { database } = collectionsState.load(await searchParams);
  await prefetched(api.mongodb.collections.list.prefetch({ connection: page.name, ...(database === null ? {} : { database }) }));
  return (
    <HydrateClient>
      <ConnectionFrame page={page}>
        <CollectionsPanel connection={page.name} mayExport={page.may("export")} />
      </ConnectionFrame>
    </HydrateClient>
  );
}
