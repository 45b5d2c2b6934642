import type { ReactNode } from "react";
import { assertKnownAddress } from "@/trpc/known-address";

/** Above the loading state: what is not there is said before the answer begins. */
export default async function ManageDbsLayout({ children }: { children: ReactNode }) {
  await assertKnownAddress();
  return children;
}
