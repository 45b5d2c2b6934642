import "server-only";
/** What every page of a connection does first: the session, the right to see it, the sub-navigation. */
import { notFound } from "next/navigation";
import type { ReactNode } from "react";
import { ConnectionNavigation } from "@/components/shell/sub-navigation";
import { ENGINES, type EngineId } from "@/engines";
import { roleMay, type Action, type Role } from "@/lib/rights";
import type { Environment } from "@/server/connection";
import { requireSession } from "@/server/auth/require-session";
import { listConnections } from "@/server/connections";
import { effectiveRole } from "@/server/grants";

export interface ConnectionPage {
  engine: EngineId;
  name: string;
  role: Role;
  environment: Environment;
  may(action: Action): boolean;
}

/** @throws the not-found page for a connection that is not there or may not be seen: both look the same. */
export async function openConnectionPage(engine: EngineId, params: Promise<{ connection: string }>): Promise<ConnectionPage> {
  const principal = await requireSession();
  const name = decodeURIComponent((await params).connection);
  const entry = (await listConnections()).find((candidate) => candidate.id === `${engine}/${name}`);
  if (!entry) notFound();
  const role = await effectiveRole(principal.userId, principal.role, entry.id);
  if (role === "none") notFound();
  return { engine, name, role, environment: entry.environment, may: (action) => roleMay(role, action) };
}

/** What the panels of backups need to know, as plain data. */
export const mayOf = (page: ConnectionPage) => ({
  backup: page.may("backup"),
  download: page.may("download"),
  restore: page.may("restore"),
  administer: page.may("administer"),
});

/** The frame of a connection's page: its sections, and the page below. `action` is the one button of the page. */
export function ConnectionFrame({ page, action, children }: { page: ConnectionPage; action?: ReactNode; children: ReactNode }) {
  const role = `${page.role} on this connection`;
  return (
    <>
      <ConnectionNavigation
        engine={page.engine}
        connection={page.name}
        end={
          action ? (
            <>
              <span className="max-md:hidden">{role}</span>
              {action}
            </>
          ) : (
            role
          )
        }
      />
      {children}
    </>
  );
}

export const pageTitle = (engine: EngineId, name: string, section: string): string => `${section} · ${ENGINES[engine].label} / ${name}`;
