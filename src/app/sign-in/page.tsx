import { KeyRound } from "lucide-react";
import type { Metadata } from "next";
import { headers } from "next/headers";
import { redirect } from "next/navigation";
import { SignInFrame } from "@/app/sign-in/sign-in-frame";
import { SignInPanel } from "@/app/sign-in/sign-in.panel";
import { Note } from "@/components/ui/note";
import { safePath } from "@/lib/safe-path";
import { consoleUrl, isSetUpOpen } from "@/server/auth/first-admin";
import { resolvePrincipal } from "@/server/auth/principal";

export const metadata: Metadata = { title: "Sign in" };

export default async function Page({ searchParams }: PageProps<"/sign-in">) {
  const { next } = await searchParams;
  const goOn = safePath(typeof next === "string" ? next : null);
  if (await resolvePrincipal(await headers(), { allowToken: false })) redirect(goOn);
  return (
    <SignInFrame title="Sign in" note={`with your account on ${new URL(consoleUrl()).host}`} foot="from the 5th wrong try the wait grows, 15 min at most">
      <SignInPanel goOn={goOn} />
      {(await isSetUpOpen()) ? <Note icon={<KeyRound aria-hidden />}>First start? The server printed a one-time link that makes you admin.</Note> : null}
    </SignInFrame>
  );
}
