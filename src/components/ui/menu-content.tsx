"use client";

import { Check } from "lucide-react";
import Link from "next/link";
import * as Radix from "radix-ui/dropdown-menu";
import { type ReactNode, useRef, useState } from "react";
import { classNames } from "@/components/ui/class-names";
import { Kbd } from "@/components/ui/kbd";
import type { MenuAction, MenuItem, MenuProps } from "@/components/ui/menu";

/** Mounted by Menu at the first press, so it starts open. */
export function MenuContent({ trigger, items, head, align = "end", side = "bottom" }: MenuProps) {
  const [open, setOpen] = useState(true);
  const pending = useRef<(() => void) | undefined>(undefined);
  return (
    <Radix.Root open={open} onOpenChange={setOpen} modal={false}>
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          align={align}
          side={side}
          sideOffset={6}
          collisionPadding={8}
          loop
          onCloseAutoFocus={() => {
            const run = pending.current;
            pending.current = undefined;
            // After Radix has given the focus back, so that a dialog opened here returns it to the trigger.
            if (run) setTimeout(run, 0);
          }}
          className="z-50 max-h-(--radix-dropdown-menu-content-available-height) max-w-[min(360px,calc(100vw-16px))] min-w-48 animate-pop overflow-y-auto rounded-lg bg-raised p-1 shadow-float outline-none"
        >
          {head ? <div className="border-b border-line px-2.5 pt-1.5 pb-2 mb-1">{head}</div> : null}
          {items.map((item, index) => (
            <Item key={keyOf(item, index)} item={item} onSelect={(action) => (pending.current = action.onSelect)} />
          ))}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

const keyOf = (item: MenuItem, index: number): string => ("label" in item ? item.label : `part-${index}`);

function Item({ item, onSelect }: { item: MenuItem; onSelect: (action: MenuAction) => void }) {
  if ("separator" in item) return <Radix.Separator className="-mx-1 my-1 h-px bg-line" />;
  if ("heading" in item) return <Radix.Label className="px-2.5 pt-1.5 pb-1 text-11 font-medium text-fg-3">{item.heading}</Radix.Label>;
  const className = classNames(
    "flex min-h-8 w-full cursor-default items-center gap-2.5 rounded-md px-2.5 text-13 outline-none select-none max-md:min-h-11 data-disabled:text-fg-3 data-highlighted:bg-hover [&_svg]:size-4",
    item.danger ? "text-red-text data-highlighted:bg-red-soft" : "text-fg",
  );
  const common = { className, disabled: item.disabled ?? false, textValue: item.label };
  const content = <ItemContent item={item} />;
  if (item.checked !== undefined) {
    return (
      <Radix.CheckboxItem {...common} checked={item.checked} onSelect={() => onSelect(item)}>
        {content}
      </Radix.CheckboxItem>
    );
  }
  if (item.href !== undefined && !item.disabled) {
    return (
      <Radix.Item {...common} asChild onSelect={() => onSelect(item)}>
        <Link href={item.href}>{content}</Link>
      </Radix.Item>
    );
  }
  return (
    <Radix.Item {...common} onSelect={() => onSelect(item)}>
      {content}
    </Radix.Item>
  );
}

function ItemContent({ item }: { item: MenuAction }): ReactNode {
  return (
    <>
      {item.icon ? <span className={classNames("flex", !item.danger && "text-fg-2")}>{item.icon}</span> : null}
      <span className="min-w-0 grow truncate">{item.label}</span>
      {item.hint ? <span className="pl-4 text-12 text-fg-3">{item.hint}</span> : null}
      {item.shortcut ? <Kbd>{item.shortcut}</Kbd> : null}
      {item.checked === undefined ? null : <Check aria-hidden className={classNames("text-accent-text", !item.checked && "invisible")} />}
    </>
  );
}
