import { type VariantProps, cva } from "class-variance-authority";
import Link from "next/link";
import type { ComponentProps, ReactNode } from "react";
import { classNames } from "@/components/ui/class-names";
import { RunningMark } from "@/components/ui/ring";

export const buttonClasses = cva(
  "inline-flex shrink-0 items-center justify-center gap-2 border font-medium whitespace-nowrap select-none transition-colors duration-75 disabled:border-line disabled:bg-hover disabled:text-fg-3 aria-disabled:border-line aria-disabled:bg-hover aria-disabled:text-fg-3",
  {
    variants: {
      variant: {
        primary: "border-transparent bg-accent text-on-accent enabled:hover:bg-accent-hover [a]:hover:bg-accent-hover",
        secondary: "border-line-strong bg-surface text-fg enabled:hover:bg-hover [a]:hover:bg-hover",
        ghost:
          "border-transparent bg-transparent text-fg-2 enabled:hover:bg-hover enabled:hover:text-fg disabled:border-transparent disabled:bg-transparent [a]:hover:bg-hover [a]:hover:text-fg",
        "danger-line": "border-red-line bg-surface text-red-text enabled:hover:bg-red-soft [a]:hover:bg-red-soft",
        danger: "border-transparent bg-red text-on-red enabled:hover:brightness-90",
      },
      size: {
        sm: "h-7 rounded-[7px] px-2.5 text-12 [&_svg]:size-3.5",
        md: "h-8 rounded-lg px-3 text-13 [&_svg]:size-4",
        lg: "h-10 rounded-lg px-4 text-14 [&_svg]:size-4",
      },
    },
    defaultVariants: { variant: "secondary", size: "md" },
  },
);

type ButtonStyle = VariantProps<typeof buttonClasses>;

export interface ButtonProps extends ComponentProps<"button">, ButtonStyle {
  /** Work is under way: a running mark is shown and a second press does nothing. */
  busy?: boolean | undefined;
}

export function Button({ variant, size, busy = false, className, children, onClick, type = "button", ...rest }: ButtonProps) {
  return (
    <button
      type={type}
      className={classNames(buttonClasses({ variant, size }), className)}
      aria-busy={busy || undefined}
      onClick={busy ? (event) => event.preventDefault() : onClick}
      {...rest}
    >
      {busy ? <RunningMark /> : null}
      {children}
    </button>
  );
}

export interface ButtonLinkProps extends ComponentProps<typeof Link>, ButtonStyle {}

export function ButtonLink({ variant, size, className, ...rest }: ButtonLinkProps) {
  return <Link className={classNames(buttonClasses({ variant, size }), className)} {...rest} />;
}

const iconButtonClasses = cva(
  "inline-flex shrink-0 items-center justify-center border border-transparent text-fg-2 transition-colors duration-75 enabled:hover:bg-hover enabled:hover:text-fg disabled:text-fg-3 disabled:opacity-60 aria-pressed:bg-accent-soft aria-pressed:text-accent-text",
  {
    variants: {
      size: {
        xs: "size-6 rounded-md [&_svg]:size-3.5",
        sm: "size-7 rounded-[7px] [&_svg]:size-4",
        md: "size-8 rounded-lg [&_svg]:size-4",
        lg: "size-10 rounded-lg [&_svg]:size-5",
      },
      outline: { true: "border-line-strong bg-surface", false: "" },
    },
    defaultVariants: { size: "md", outline: false },
  },
);

export interface IconButtonProps extends Omit<ComponentProps<"button">, "children">, VariantProps<typeof iconButtonClasses> {
  /** Says what it does; read aloud and shown on hover. */
  label: string;
  children: ReactNode;
}

export function IconButton({ label, size, outline, className, type = "button", ...rest }: IconButtonProps) {
  return <button type={type} aria-label={label} title={label} className={classNames(iconButtonClasses({ size, outline }), className)} {...rest} />;
}

/** Text that leads somewhere, in the accent colour. */
export function TextLink({ className, ...rest }: ComponentProps<typeof Link>) {
  return <Link className={classNames("rounded-sm font-medium text-accent-text hover:underline", className)} {...rest} />;
}

/** Looks like TextLink, but acts on this page. */
export function TextButton({ className, type = "button", ...rest }: ComponentProps<"button">) {
  return (
    <button type={type} className={classNames("rounded-sm font-medium text-accent-text enabled:hover:underline disabled:text-fg-3", className)} {...rest} />
  );
}
