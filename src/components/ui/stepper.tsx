import { Check, X } from "lucide-react";
import { Fragment } from "react";
import { classNames } from "@/components/ui/class-names";

export interface StepperProps {
  /** What the steps lead to, read aloud. */
  label: string;
  steps: readonly string[];
  /** Index of the step that is now; `steps.length` when all are done. */
  current: number;
  /** The current step has failed. */
  failed?: boolean;
}

/** Steps of a task in a row. On a phone only the current one keeps its word. */
export function Stepper({ label, steps, current, failed = false }: StepperProps) {
  return (
    <ol aria-label={label} className="flex items-center gap-2.5">
      {steps.map((step, index) => {
        const state = index < current ? "done" : index === current ? (failed ? "failed" : "now") : "later";
        return (
          <Fragment key={step}>
            {index > 0 ? <li aria-hidden="true" className={classNames("h-px w-4 md:w-9", index <= current ? "bg-accent" : "bg-line-strong")} /> : null}
            <li aria-current={state === "now" ? "step" : undefined} className="flex items-center gap-2">
              <span className={classNames("flex size-[22px] items-center justify-center rounded-full border text-12 font-semibold", circles[state])}>
                {state === "done" ? (
                  <Check aria-label="done" className="size-3 stroke-2!" />
                ) : state === "failed" ? (
                  <X aria-label="failed" className="size-3 stroke-2!" />
                ) : (
                  index + 1
                )}
              </span>
              <span className={classNames(state === "now" ? "font-semibold text-fg" : "text-fg-2 max-md:sr-only")}>{step}</span>
            </li>
          </Fragment>
        );
      })}
    </ol>
  );
}

const circles = {
  done: "border-accent-line bg-accent-soft text-accent-text",
  now: "border-accent bg-accent text-on-accent",
  failed: "border-red bg-red text-on-red",
  later: "border-line-strong bg-surface text-fg-2",
};
