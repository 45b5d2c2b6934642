import type { Metadata } from "next";
import { AllBackupsPanel } from "@/backups/backups.panel";
import { PageBody, PageHeader } from "@/components/ui/page-header";
import { roleMay } from "@/lib/rights";
import { requireSession } from "@/server/auth/require-session";
import { api, HydrateClient, prefetched } from "@/trpc/server";

export const metadata: Metadata = { title: "Backups" };

export default async function Page() {
  const { role } = await requireSession();
  await prefetched(api.backups.list.prefetch({ limit: 200 }));
  return (
    <HydrateClient>
      <PageBody>
        <PageHeader title="Backups" note="of every connection" />
        <AllBackupsPanel
          may={{
            backup: roleMay(role, "backup"),
            download: roleMay(role, "download"),
            restore: roleMay(role, "restore"),
            administer: roleMay(role, "administer"),
          }}
        />
      </PageBody>
    </HydrateClient>
  );
}
