import { SearchX } from "lucide-react";
import { ButtonLink } from "@/components/ui/button";
import { EmptyState } from "@/components/ui/states";

/** What is not there and what may not be seen look the same. */
export function NotFoundState() {
  return (
    <>
      <h1 className="sr-only">Not found</h1>
      <EmptyState
        className="grow"
        icon={<SearchX aria-hidden className="text-fg-2" />}
        title="There is no such page"
        action={
          <>
            <ButtonLink href="/">Home</ButtonLink>
            <ButtonLink href="/manage-dbs">Manage databases</ButtonLink>
          </>
        }
      >
        It was removed or renamed, or your role does not reach it.
      </EmptyState>
    </>
  );
}
