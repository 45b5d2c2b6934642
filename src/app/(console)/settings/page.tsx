import { redirect } from "next/navigation";
import { roleMay } from "@/lib/rights";
import { requireSession } from "@/server/auth/require-session";

export default async function Page() {
  const { role } = await requireSession();
  redirect(roleMay(role, "administer") ? "/settings/connections" : "/settings/account");
}
