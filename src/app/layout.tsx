import type { Metadata, Viewport } from "next";
import { cookies, headers } from "next/headers";
import type { ReactNode } from "react";
import { NonceProvider } from "@/components/ui/nonce-provider";
import { fontVariables } from "./fonts";
import "./globals.css";

export const metadata: Metadata = { title: { default: "Foundry Console", template: "%s · Foundry Console" }, robots: { index: false } };
export const viewport: Viewport = { width: "device-width", initialScale: 1 };
/** Every page has a nonce of its own, so none is ever cached. */
export const dynamic = "force-dynamic";

export default async function RootLayout({ children }: { children: ReactNode }) {
  const theme = (await cookies()).get("theme")?.value;
  const nonce = (await headers()).get("x-nonce") ?? undefined;
  return (
    <html lang="en" className={`${fontVariables} ${theme === "light" || theme === "dark" ? theme : ""}`} suppressHydrationWarning>
      <body>
        <NonceProvider nonce={nonce}>{children}</NonceProvider>
      </body>
    </html>
  );
}
