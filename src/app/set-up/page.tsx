import type { Metadata } from "next";
import { notFound } from "next/navigation";
import { SetUpPanel } from "@/app/set-up/set-up.panel";
import { SignInFrame } from "@/app/sign-in/sign-in-frame";
import { isSetUpOpen } from "@/server/auth/first-admin";

export const metadata: Metadata = { title: "Set up" };

export default async function Page({ searchParams }: PageProps<"/set-up">) {
  if (!(await isSetUpOpen())) notFound();
  const { token } = await searchParams;
  return (
    <SignInFrame title="Set up" note="You will be the first admin of this console." foot="this page is gone once there is an admin">
      <SetUpPanel token={typeof token === "string" ? token : ""} />
    </SignInFrame>
  );
}
