import { Search } from "lucide-react";
import type { ComponentProps, ReactNode } from "react";
import { classNames } from "@/components/ui/class-names";
import { Kbd } from "@/components/ui/kbd";

export type FieldSize = "sm" | "md" | "lg";

const heights: Record<FieldSize, string> = { sm: "h-7 text-12", md: "h-8 text-13", lg: "h-10 text-14" };
const paddings: Record<FieldSize, string> = { sm: "px-2", md: "px-2.5", lg: "px-3" };

export interface InputProps extends Omit<ComponentProps<"input">, "size"> {
  fieldSize?: FieldSize | undefined;
  mono?: boolean | undefined;
  /** A sign before the text. */
  icon?: ReactNode;
  /** Something after the text: a unit, a key, a button. */
  end?: ReactNode;
  /** Class of the box around; `className` goes to the input. */
  boxClassName?: string | undefined;
}

export function Input({ fieldSize = "md", mono = false, icon, end, boxClassName, className, ...rest }: InputProps) {
  return (
    <span
      className={classNames(
        "field flex min-w-0 items-center gap-2",
        heights[fieldSize],
        paddings[fieldSize],
        fieldSize === "sm" && "rounded-[7px]",
        boxClassName,
      )}
    >
      {icon ? <span className="flex shrink-0 text-fg-2 [&_svg]:size-4">{icon}</span> : null}
      <input className={classNames("h-full min-w-0 grow bg-transparent outline-none disabled:text-fg-3", mono && "font-mono text-12", className)} {...rest} />
      {end ? <span className="flex shrink-0 items-center text-12 text-fg-3">{end}</span> : null}
    </span>
  );
}

export interface SearchInputProps extends Omit<InputProps, "icon" | "end" | "type" | "aria-label"> {
  /** Read aloud, and the placeholder unless one is given. */
  label: string;
  /** Shows the key that leads here; the screen listens for it. */
  shortcut?: string;
}

export function SearchInput({ label, shortcut, placeholder = label, ...rest }: SearchInputProps) {
  return (
    <Input
      type="search"
      aria-label={label}
      placeholder={placeholder}
      icon={<Search aria-hidden />}
      end={shortcut ? <Kbd>{shortcut}</Kbd> : null}
      aria-keyshortcuts={shortcut}
      className="[&::-webkit-search-cancel-button]:hidden"
      {...rest}
    />
  );
}

export interface TextareaProps extends ComponentProps<"textarea"> {
  mono?: boolean;
}

export function Textarea({ mono = false, className, ...rest }: TextareaProps) {
  return <textarea className={classNames("field min-h-16 w-full px-2.5 py-1.5", mono ? "font-mono text-12" : "text-13", className)} {...rest} />;
}

export interface FieldProps {
  label: string;
  /** The id of the control inside; the control takes `aria-describedby={`${id}-note`}` when there is a hint or an error. */
  id: string;
  hint?: ReactNode;
  error?: string | null | undefined;
  children: ReactNode;
  className?: string;
}

export function Field({ label, id, hint, error, children, className }: FieldProps) {
  return (
    <div className={classNames("flex flex-col gap-1.5", className)}>
      <label htmlFor={id} className="text-13 font-medium">
        {label}
      </label>
      {children}
      {error ? (
        <p id={`${id}-note`} role="alert" className="text-12 text-red-text">
          {error}
        </p>
      ) : hint ? (
        <p id={`${id}-note`} className="text-12 text-fg-3">
          {hint}
        </p>
      ) : null}
    </div>
  );
}
