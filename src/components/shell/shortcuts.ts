"use client";

import { useEffect, useRef } from "react";

/** "Control+k", "?", "/", "j": modifiers first, then the key as the browser names it. */
export type Shortcuts = Record<string, (event: KeyboardEvent) => void>;

export function keyName(event: Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey">): string {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  return `${event.ctrlKey ? "Control+" : ""}${event.metaKey ? "Meta+" : ""}${event.altKey ? "Alt+" : ""}${key}`;
}

/** True where a plain letter is meant as text: fields, editors, menus. */
function isWriting(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || target.closest("input:not([type=checkbox], [type=radio]), textarea, select, [role=menu], [role=dialog]") !== null;
}

/** Keys of a page. Plain letters are left alone while somebody writes; chords with Ctrl work everywhere. */
export function useShortcuts(shortcuts: Shortcuts, enabled = true): void {
  const current = useRef(shortcuts);
  useEffect(() => {
    current.current = shortcuts;
  });
  useEffect(() => {
    if (!enabled) return;
    const onKey = (event: KeyboardEvent): void => {
      const run = current.current[keyName(event)];
      if (!run || event.defaultPrevented) return;
      if (!event.ctrlKey && !event.metaKey && isWriting(event.target)) return;
      event.preventDefault();
      run(event);
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [enabled]);
}
