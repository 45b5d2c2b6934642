import type { Metadata } from "next";
import { notFound } from "next/navigation";
import { livePlace } from "@/backups/live-place";
import { RestorePanel } from "@/backups/restore.panel";
import { openConnectionPage, pageTitle } from "@/trpc/connection-page";
import { api, HydrateClient, prefetched } from "@/trpc/server";

type Props = PageProps<"/manage-dbs/mongodb/[connection]/backups/[backup]/restore">;

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  return { title: pageTitle("mongodb", (await params).connection, "Restore") };
}

export default async function Page({ params }: Props) {
  const page = await openConnectionPage("mongodb", params);
  if (!page.may("restore")) notFound();
  const id = decodeURIComponent((await params).backup);
  await prefetched(api.mongodb.backups.get.prefetch({ connection: page.name, id }));
  return (
    <HydrateClient>
      <RestorePanel engine="mongodb" connection={page.name} id={id} environment={page.environment} live={await livePlace("mongodb", page.name)} />
    </HydrateClient>
  );
}
