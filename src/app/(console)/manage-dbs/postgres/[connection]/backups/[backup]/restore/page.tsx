import type { Metadata } from "next";
import { notFound } from "next/navigation";
import { livePlace } from "@/backups/live-place";
import { RestorePanel } from "@/backups/restore.panel";
import { openConnectionPage, pageTitle } from "@/trpc/connection-page";
import { api, HydrateClient, prefetched } from "@/trpc/server";

type Props = PageProps<"/manage-dbs/postgres/[connection]/backups/[backup]/restore">;

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  return { title: pageTitle("postgres", (await params).connection, "Restore") };
}

export default async function Page({ params }: Props) {
  const page = await openConnectionPage("postgres", params);
  if (!page.may("restore")) notFound();
  const id = decodeURIComponent((await params).backup);
  await prefetched(api.postgres.backups.get.prefetch({ connection: page.name, id }));
  return (
    <HydrateClient>
      <RestorePanel engine="postgres" connection={page.name} id={id} environment={page.environment} live={await livePlace("postgres", page.name)} />
    </HydrateClient>
  );
}
