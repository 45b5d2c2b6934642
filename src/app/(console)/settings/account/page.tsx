import type { Metadata } from "next";
import { roleMay } from "@/lib/rights";
import { requireSession } from "@/server/auth/require-session";
import { SettingsFrame } from "../settings-frame";
import { AccountPanel } from "./account.panel";

export const metadata: Metadata = { title: "Account" };

export default async function Page() {
  const { name, email, role } = await requireSession();
  return (
    <SettingsFrame admin={roleMay(role, "administer")}>
      <AccountPanel name={name} email={email} role={role} />
    </SettingsFrame>
  );
}
