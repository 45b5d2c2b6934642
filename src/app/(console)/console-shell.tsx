"use client";
import { lazy, type ReactNode, Suspense, useState } from "react";
import { AppShell } from "@/components/shell/app-shell";
import { JobsPill } from "@/components/shell/jobs-pill";
import { NAVIGATION_AREAS } from "@/components/shell/navigation";
import { firstConnection, type ShellConnection } from "@/components/shell/shell-location";
import { applyTheme, type ShellUser, type Theme } from "@/components/shell/user-menu";
import { jobShare, jobTitle } from "@/lib/job-words";
import type { RouterOutputs } from "@/trpc/client";
import { PASSIVE, trpc } from "@/trpc/client";

const Palette = lazy(async () => ({ default: (await import("./console-palette")).ConsolePalette }));
const KeysList = lazy(async () => ({ default: (await import("./console-keys")).ConsoleKeys }));

export type ConnectionView = RouterOutputs["connections"]["list"]["connections"][number];

interface ConsoleShellProps {
  user: ShellUser;
  theme: Theme;
  railWide: boolean;
  connections: ConnectionView[];
  children: ReactNode;
}

const HEALTH_EVERY_MS = 15_000;
const JOBS_EVERY_MS = 4_000;

export function ConsoleShell({ user, theme: initialTheme, railWide, connections: initial, children }: ConsoleShellProps) {
  const [theme, setTheme] = useState(initialTheme);
  const [open, setOpen] = useState<"palette" | "keys" | null>(null);
  const list = trpc.connections.list.useQuery({}, { initialData: { connections: initial }, staleTime: 30_000 });
  const connections = useHealth(list.data.connections);
  const first = firstConnection(list.data.connections);
  const jobs = useRunningJobs();
  const areas = NAVIGATION_AREAS.filter((area) => area !== "tools" && (user.role === "admin" || (area !== "users" && area !== "audit")));

  return (
    <AppShell
      user={user}
      theme={theme}
      onThemeChange={(next) => {
        setTheme(next);
        applyTheme(next);
        setCookie("theme", next);
      }}
      onSignOut={() => void signOut()}
      accountHref="/settings/account"
      connections={connections}
      databasesHref={first ? `/manage-dbs/${first.id}` : undefined}
      areas={areas}
      marks={jobs.length > 0 ? { jobs: { dot: true, label: `${jobs.length} running` } } : {}}
      railWide={railWide}
      onRailWideChange={(wide) => setCookie("rail", wide ? "wide" : "narrow")}
      jobs={
        jobs[0] ? (
          <JobsPill
            label={jobs.length > 1 ? `${jobs.length} jobs` : jobTitle(jobs[0].kind)}
            share={jobShare(jobs[0].progress)}
            href={jobs.length > 1 ? "/jobs" : `/jobs/${jobs[0].id}`}
          />
        ) : null
      }
      onSearch={() => setOpen("palette")}
      onKeys={() => setOpen("keys")}
    >
      {children}
      <Suspense fallback={null}>
        {open === "palette" ? <Palette connections={list.data.connections} onClose={() => setOpen(null)} /> : null}
        {open === "keys" ? <KeysList onClose={() => setOpen(null)} /> : null}
      </Suspense>
    </AppShell>
  );
}

/** Version and health of each connection, asked again every 15 seconds while the page is looked at. */
function useHealth(connections: readonly ConnectionView[]): ShellConnection[] {
  const results = trpc.useQueries((t) =>
    connections.map((entry) => t[entry.engine].info({ connection: entry.name }, { refetchInterval: HEALTH_EVERY_MS, staleTime: HEALTH_EVERY_MS, ...PASSIVE })),
  );
  return connections.map((entry, index) => {
    const info = results[index]?.data;
    const health =
      info === undefined ? (entry.missing ? ("down" as const) : ("unknown" as const)) : info.state === "connected" ? ("ok" as const) : ("down" as const);
    return { engine: entry.engine, name: entry.name, environment: entry.environment, version: info?.state === "connected" ? info.version : null, health };
  });
}

function useRunningJobs() {
  const query = trpc.jobs.list.useQuery({ running: "true", limit: 10 }, { refetchInterval: JOBS_EVERY_MS, staleTime: JOBS_EVERY_MS, ...PASSIVE });
  return query.data?.jobs ?? [];
}

function setCookie(name: string, value: string): void {
  document.cookie = `${name}=${value}; path=/; max-age=31536000; samesite=strict`;
}

async function signOut(): Promise<void> {
  const { signOutHere } = await import("@/components/sign-out");
  await signOutHere();
}
