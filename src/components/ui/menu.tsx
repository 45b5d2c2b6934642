"use client";

import { type ComponentType, type KeyboardEvent, type ReactElement, type ReactNode, Suspense, cloneElement, lazy, useState } from "react";

export interface MenuAction {
  label: string;
  icon?: ReactNode;
  /** Dimmer text at the right end. */
  hint?: ReactNode;
  /** A key that does the same. */
  shortcut?: string;
  /** Runs after the menu has closed and the focus is back on the trigger. */
  onSelect?: () => void;
  /** A link instead of an action. */
  href?: string;
  danger?: boolean;
  disabled?: boolean;
  /** Turns the item into one of several choices. */
  checked?: boolean;
}

export type MenuItem = MenuAction | { separator: true } | { heading: string };

export interface MenuProps {
  /** A button; it is told to carry the menu. */
  trigger: ReactElement<TriggerProps>;
  items: readonly MenuItem[];
  /** Above the items: who is signed in, a filter. */
  head?: ReactNode;
  align?: "start" | "end";
  side?: "bottom" | "top" | "right";
}

export interface TriggerProps {
  onClick?: () => void;
  onKeyDown?: (event: KeyboardEvent) => void;
  onPointerEnter?: () => void;
  onFocus?: () => void;
  "aria-haspopup"?: "menu" | "dialog";
  "aria-expanded"?: boolean;
}

const load = () => import("@/components/ui/menu-content");
const MenuContent = lazy(async () => ({ default: (await load()).MenuContent })) as ComponentType<MenuProps>;

/** A menu whose code comes when somebody reaches for it: until then the trigger is a plain button. */
export function Menu(props: MenuProps) {
  const [wanted, setWanted] = useState(false);
  const fetchSoon = (): void => void load();
  const plain = cloneElement(props.trigger, {
    "aria-haspopup": "menu",
    "aria-expanded": wanted,
    onClick: () => setWanted(true),
    onKeyDown: (event) => event.key === "ArrowDown" && setWanted(true),
    onPointerEnter: fetchSoon,
    onFocus: fetchSoon,
  });
  if (!wanted) return plain;
  return (
    <Suspense fallback={plain}>
      <MenuContent {...props} />
    </Suspense>
  );
}
