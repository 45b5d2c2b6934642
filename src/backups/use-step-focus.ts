"use client";
import { type RefObject, useEffect, useRef } from "react";

/**
 * For the body of a task of several steps. Each next step begins at its top, and takes the focus that went away with the button of the
 * step before, unless a field of its own has taken it.
 *
 * @param before the step that another body has just shown
 */
export function useStepFocus(step: number, before = step): RefObject<HTMLDivElement | null> {
  const body = useRef<HTMLDivElement>(null);
  const last = useRef(before);
  useEffect(() => {
    if (last.current === step) return;
    last.current = step;
    body.current?.scrollTo({ top: 0 });
    if (document.activeElement === null || document.activeElement === document.body) body.current?.focus({ preventScroll: true });
  }, [step]);
  return body;
}
