import { type ClassValue, clsx } from "clsx";

/** Joins class names. Components take `className` for placing them (margins, growth), not for restyling. */
export function classNames(...values: ClassValue[]): string {
  return clsx(values);
}
