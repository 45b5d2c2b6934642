import type { Metadata } from "next";
import { notFound } from "next/navigation";
import manifest from "../../../package.json";
import { SetUpPanel } from "@/app/set-up/set-up.panel";
import { SignInLayout } from "@/components/sign-in-layout";
import { isSetUpOpen } from "@/server/auth/first-admin";

export const metadata: Metadata = { title: "Set up" };

export default async function Page({ searchParams }: PageProps<"/set-up">) {
  if (!(await isSetUpOpen())) notFound();
  const { token } = await searchParams;
  return (
    <SignInLayout version={manifest.version} foot="this page is gone once there is an admin">
      <SetUpPanel token={typeof token === "string" ? token : ""} />
    </SignInLayout>
  );
}
