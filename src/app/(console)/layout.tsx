import { cookies } from "next/headers";
import { NuqsAdapter } from "nuqs/adapters/next/app";
import type { ReactNode } from "react";
import { ToastProvider } from "@/components/ui/toast";
import { requireSession } from "@/server/auth/require-session";
import { TrpcProvider } from "@/trpc/client";
import { api } from "@/trpc/server";
import { ConsoleShell } from "./console-shell";

/** The frame only: each page checks the session for itself. */
export default async function ConsoleLayout({ children }: { children: ReactNode }) {
  const principal = await requireSession();
  const jar = await cookies();
  const { connections } = await api.connections.list({});
  const theme = jar.get("theme")?.value;
  return (
    <TrpcProvider>
      <ToastProvider>
        <NuqsAdapter>
          <ConsoleShell
            user={{ name: principal.name, email: principal.email, role: principal.role }}
            theme={theme === "light" || theme === "dark" ? theme : "system"}
            railWide={jar.get("rail")?.value === "wide"}
            connections={connections}
          >
            {children}
          </ConsoleShell>
        </NuqsAdapter>
      </ToastProvider>
    </TrpcProvider>
  );
}
