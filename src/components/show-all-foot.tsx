import { TextButton } from "@/components/ui/button";
import { PanelFoot } from "@/components/ui/panel";
import { formatCount } from "@/lib/format";

interface ShowAllFootProps {
  shown: number;
  total: number;
  /** Of those that are not shown: ", all equal". */
  note?: string | undefined;
  onShowAll: () => void;
}

/** Below a table that shows the first of many; nothing when it shows all. */
export function ShowAllFoot({ shown, total, note, onShowAll }: ShowAllFootProps) {
  if (total <= shown) return null;
  return (
    <PanelFoot className="min-h-9">
      {formatCount(total - shown)} more{note}
      <TextButton className="ml-auto" onClick={onShowAll}>
        Show all {formatCount(total)}
      </TextButton>
    </PanelFoot>
  );
}
