import type { Metadata } from "next";
import { notFound } from "next/navigation";
import { roleMay } from "@/lib/rights";
import { requireSession } from "@/server/auth/require-session";
import { api, HydrateClient, prefetched } from "@/trpc/server";
import { AuditPanel } from "./audit.panel";

export const metadata: Metadata = { title: "Audit" };

export default async function Page({ searchParams }: PageProps<"/audit">) {
  const { role } = await requireSession();
  if (!roleMay(role, "administer")) notFound();
  // Filtered pages ask from the browser: "today" begins when the reader's day does.
  if (Object.keys(await searchParams).length === 0) await prefetched(api.audit.list.prefetchInfinite({}), api.audit.summary.prefetch({}));
  return (
    <HydrateClient>
      <AuditPanel />
    </HydrateClient>
  );
}
