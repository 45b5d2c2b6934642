"use client";
import { Ellipsis } from "lucide-react";
import { IconButton } from "@/components/ui/button";
import { Menu, type MenuItem } from "@/components/ui/menu";

/** What can be done with one row of a table, behind three dots at its end. */
export function RowMenu({ label, items }: { label: string; items: readonly MenuItem[] }) {
  return (
    <Menu
      align="end"
      trigger={
        <IconButton label={label} size="sm">
          <Ellipsis aria-hidden />
        </IconButton>
      }
      items={items}
    />
  );
}
