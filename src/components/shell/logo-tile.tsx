import { Anvil } from "lucide-react";

export function LogoTile() {
  return (
    <span aria-hidden="true" className="flex size-7 shrink-0 items-center justify-center rounded-[7px] bg-inverse text-on-inverse">
      <Anvil className="size-4" />
    </span>
  );
}
