import type { Metadata } from "next";
import { notFound } from "next/navigation";
import { roleMay } from "@/lib/rights";
import { requireSession } from "@/server/auth/require-session";
import { api, HydrateClient, prefetched } from "@/trpc/server";
import { UsersPanel } from "./users.panel";

export const metadata: Metadata = { title: "Users" };

export default async function Page() {
  const { role } = await requireSession();
  if (!roleMay(role, "administer")) notFound();
  await prefetched(api.users.list.prefetch());
  return (
    <HydrateClient>
      <UsersPanel />
    </HydrateClient>
  );
}
