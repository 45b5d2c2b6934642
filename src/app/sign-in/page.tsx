import type { Metadata } from "next";
import { headers } from "next/headers";
import { redirect } from "next/navigation";
import manifest from "../../../package.json";
import { SignInPanel } from "@/app/sign-in/sign-in.panel";
import { SignInLayout } from "@/components/sign-in-layout";
import { safePath } from "@/lib/safe-path";
import { consoleUrl, isSetUpOpen } from "@/server/auth/first-admin";
import { resolvePrincipal } from "@/server/auth/principal";

export const metadata: Metadata = { title: "Sign in" };

export default async function Page({ searchParams }: PageProps<"/sign-in">) {
  const { next } = await searchParams;
  const goOn = safePath(typeof next === "string" ? next : null);
  if (await resolvePrincipal(await headers(), { allowToken: false })) redirect(goOn);
  return (
    <SignInLayout version={manifest.version} foot="from the 5th wrong try the wait grows, 15 min at most">
      <SignInPanel host={new URL(consoleUrl()).host} goOn={goOn} firstStart={await isSetUpOpen()} />
    </SignInLayout>
  );
}
