"use client";

import { type ReactElement, type ReactNode, cloneElement, useEffect, useId, useRef, useState } from "react";

interface Described {
  "aria-describedby"?: string;
}

export interface TooltipProps {
  text: ReactNode;
  /** One element that can take the focus. */
  children: ReactElement<Described>;
}

const delayMs = 350;

/** A few words on hover and focus, closed by Escape. It only adds to what the element already says by itself. */
export function Tooltip({ text, children }: TooltipProps) {
  const id = useId();
  const [open, setOpen] = useState(false);
  const anchor = useRef<HTMLSpanElement>(null);
  const bubble = useRef<HTMLSpanElement>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);

  useEffect(() => {
    const element = bubble.current;
    if (!open || !element || !anchor.current) return;
    element.showPopover();
    const place = anchor.current.getBoundingClientRect();
    const size = element.getBoundingClientRect();
    const left = Math.max(8, Math.min(window.innerWidth - size.width - 8, place.left + place.width / 2 - size.width / 2));
    const below = place.bottom + size.height + 8 < window.innerHeight;
    element.style.left = `${left}px`;
    element.style.top = `${below ? place.bottom + 6 : place.top - size.height - 6}px`;
    const close = (event: globalThis.KeyboardEvent): void => void (event.key === "Escape" && setOpen(false));
    document.addEventListener("keydown", close);
    return () => document.removeEventListener("keydown", close);
  }, [open]);

  useEffect(() => () => clearTimeout(timer.current), []);

  const later = (show: boolean): void => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setOpen(show), show ? delayMs : 80);
  };

  return (
    <span
      ref={anchor}
      className="inline-flex"
      onPointerEnter={() => later(true)}
      onPointerLeave={() => later(false)}
      onFocus={(event) => event.target.matches(":focus-visible") && setOpen(true)}
      onBlur={() => setOpen(false)}
    >
      {cloneElement(children, open ? { "aria-describedby": id } : {})}
      {open ? (
        <span
          ref={bubble}
          id={id}
          role="tooltip"
          popover="manual"
          className="fixed inset-auto m-0 max-w-72 animate-fade rounded-md border-0 bg-inverse px-2 py-1 text-12 text-on-inverse"
        >
          {text}
        </span>
      ) : null}
    </span>
  );
}
