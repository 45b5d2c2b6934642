import type { ReactNode } from "react";
import type { BackupDetail } from "@/backups/backups.schema";
import type { LivePlace } from "@/backups/live-place";
import type { RestoreChoice } from "@/backups/restore-choice";
import { RestoreObjects } from "@/backups/restore-objects";
import { ErrorNote } from "@/components/error-note";
import type { ReadableError } from "@/components/query-error";
import { EnvironmentLabel, type Environment } from "@/components/ui/badge";
import { Field, Input } from "@/components/ui/input";
import { Panel, PanelHead } from "@/components/ui/panel";
import { ENGINES, type EngineId } from "@/engines";

const NEW_PLACE: Record<EngineId, { label: string; hint: string; example: string }> = {
  sqlite: { label: "Name of the new file", hint: "It is made beside the live file and opened as a connection of its own.", example: "bookshop-copy.sqlite" },
  redis: {
    label: "Number of an empty logical database",
    hint: "Keys are restored into it; it must hold none. 0:5,3:6 puts 0 into 5 and 3 into 6.",
    example: "5",
  },
  postgres: { label: "Name of the new database", hint: "It is made on the same server and opened as a connection of its own.", example: "bookshop_copy" },
  mongodb: { label: "Name of the new database", hint: "It must not exist on the server, or be empty.", example: "bookshop_copy" },
};

interface RestoreTargetProps {
  engine: EngineId;
  connection: string;
  environment: Environment;
  live: LivePlace | null;
  objects: BackupDetail["objects"];
  choice: RestoreChoice;
  onChange: (change: Partial<RestoreChoice>) => void;
  /** Why no plan could be made. */
  error: ReadableError | null;
  onNext: () => void;
}

/** Where to: aside is the default, what is live is a choice that says what it means. */
export function RestoreTarget({ engine, connection, environment, live, objects, choice, onChange, error, onNext }: RestoreTargetProps) {
  const words = NEW_PLACE[engine];
  const problem = error ? [error.message, error.data?.fix].filter(Boolean).join(". ") : undefined;
  return (
    <form
      id="restore-target"
      className="mx-auto flex w-full max-w-3xl flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        onNext();
      }}
    >
      {objects.length > 1 ? <RestoreObjects objects={objects} chosen={choice.objects} onChange={(chosen) => onChange({ objects: chosen })} /> : null}
      <Panel>
        <PanelHead title="Where to" />
        <div role="radiogroup" aria-label="Where to">
          <Way title="Into a new place" detail="What is live is not touched." checked={!choice.replace} onChoose={() => onChange({ replace: false })}>
            <Field id="target" label={words.label} hint={words.hint} error={problem}>
              <Input
                id="target"
                autoFocus
                required
                maxLength={100}
                fieldSize="lg"
                mono
                placeholder={words.example}
                value={choice.newName}
                aria-describedby="target-note"
                aria-invalid={problem ? true : undefined}
                onChange={(event) => onChange({ newName: event.target.value.trim() })}
              />
            </Field>
          </Way>
          <Way
            title={live ? `Replace ${live.name}, which is live` : "Replace what is live"}
            badge={<EnvironmentLabel environment={environment} solid />}
            detail={
              live
                ? `What ${ENGINES[engine].label} / ${connection} opens: ${live.address}`
                : "This connection names no database, so there is nothing to replace."
            }
            checked={choice.replace}
            disabled={live === null}
            onChoose={() => onChange({ replace: true })}
          >
            <ul className="flex list-disc flex-col gap-1 pl-4 text-fg-2">
              <li>The backup is restored aside and compared first. Until then nothing live is touched.</li>
              <li>Then the two change places in one step: all of it, or nothing.</li>
              <li>What is live now is kept aside, and the restore can be undone for 24 hours.</li>
            </ul>
            <div className="mt-3 empty:hidden">
              <ErrorNote error={error} />
            </div>
          </Way>
        </div>
      </Panel>
    </form>
  );
}

interface WayProps {
  title: string;
  badge?: ReactNode;
  detail: string;
  checked: boolean;
  disabled?: boolean;
  onChoose: () => void;
  /** Shown when it is chosen. */
  children: ReactNode;
}

function Way({ title, badge, detail, checked, disabled = false, onChoose, children }: WayProps) {
  return (
    <div className="border-b border-line-soft last:border-b-0">
      <label className={`flex items-start gap-3 px-4 py-3 ${disabled ? "text-fg-3" : "cursor-pointer hover:bg-hover"}`}>
        <input
          type="radio"
          name="way"
          checked={checked}
          disabled={disabled}
          onChange={onChoose}
          className="mt-0.5 size-4 shrink-0 cursor-[inherit] appearance-none rounded-full border border-line-field bg-surface checked:border-[5px] checked:border-accent disabled:border-line disabled:bg-hover"
        />
        <span className="min-w-0">
          <span className="flex flex-wrap items-center gap-2 font-medium">
            <span className="wrap-anywhere">{title}</span>
            {badge}
          </span>
          <span className="mt-0.5 block text-12 wrap-anywhere text-fg-2">{detail}</span>
        </span>
      </label>
      {checked ? <div className="pr-4 pb-4 pl-11 max-md:pl-4">{children}</div> : null}
    </div>
  );
}
