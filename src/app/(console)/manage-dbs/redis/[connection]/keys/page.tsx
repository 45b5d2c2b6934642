import type { Metadata } from "next";
import { ConnectionFrame, openConnectionPage, pageTitle } from "@/trpc/connection-page";
import { api, HydrateClient, prefetched } from "@/trpc/server";
import { FIRST_PAGE_KEYS, keysState } from "./keys.state";
import { KeysPanel } from "./keys.panel";

type Props = PageProps<"/manage-dbs/redis/[connection]/keys">;

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  return { title: pageTitle("redis", (await params).connection, "Keys") };
}

export default async function Page({ params, searchParams }: Props) {
  const page = await openConnectionPage("redis", params);
  const input = keysState.firstPage(await searchParams);
  if (input) await prefetched(api.redis.keys.list.prefetch({ connection: page.name, ...input, count: FIRST_PAGE_KEYS }));
  return (
    <HydrateClient>
      <ConnectionFrame page={page}>
        <KeysPanel connection={page.name} environment={page.environment} mayWrite={page.may("write")} mayExport={page.may("export")} />
      </ConnectionFrame>
    </HydrateClient>
  );
}
