import { useIsMutating } from "@tanstack/react-query";
import { RotateCcw, UserPlus } from "lucide-react";
import { Button } from "@/components/ui/button";

interface RestoreConfirmButtonProps {
  target: string;
  isReplace: boolean;
  /** Where the second person stands; null where one person is enough. */
  approval: string | null;
  /** The name of the target is typed. */
  isTyped: boolean;
}

/** Sends the form of the confirm step, or says whom it waits for. */
export function RestoreConfirmButton({ target, isReplace, approval, isTyped }: RestoreConfirmButtonProps) {
  // Of the form above: nothing else on this step sends anything.
  const isSending = useIsMutating() > 0;
  if (approval === "waiting") return <Button disabled>Waiting for a second person</Button>;
  if (approval !== null && approval !== "approved")
    return (
      <Button variant="primary" form="restore-confirm" type="submit" disabled={!isTyped} busy={isSending}>
        <UserPlus aria-hidden />
        Ask a second person
      </Button>
    );
  return (
    <Button
      variant={isReplace ? "danger" : "primary"}
      form="restore-confirm"
      type="submit"
      disabled={!isTyped}
      busy={isSending}
      className="max-w-full min-w-0 shrink!"
    >
      {isSending ? null : <RotateCcw aria-hidden />}
      <span className="truncate">Restore into {target}</span>
    </Button>
  );
}
