"use client";
import { type ComponentProps, useDeferredValue, useId, useState } from "react";
import { cronOf, simpleTime, type SimpleTime } from "@/backups/cron-words";
import type { Schedule } from "@/backups/schedules.schema";
import { FormDialog } from "@/components/form-dialog";
import { Field, Input } from "@/components/ui/input";
import { RelativeTime } from "@/components/ui/relative-time";
import { Segmented } from "@/components/ui/segmented";
import { Select } from "@/components/ui/select";
import { backupFormat, type EngineId, ENGINES } from "@/engines";
import { trpc } from "@/trpc/client";

const WEEKDAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const EVERY = { hour: "Every hour", day: "Every day", week: "Every week", month: "Every month", cron: "By a cron line" } as const;
const FIRST: SimpleTime = { every: "day", minute: 12, hour: 3, weekday: 6, day: 1 };

interface ScheduleFormProps {
  engine: EngineId;
  connection: string;
  /** Null: a new one. */
  schedule: Schedule | null;
  open: boolean;
  onClose: () => void;
  onSaved: () => void;
}

/** One schedule: what, when, and how long its backups stay. What it comes to is shown while it is chosen. */
export function ScheduleForm({ engine, connection, schedule, open, onClose, onSaved }: ScheduleFormProps) {
  const id = useId();
  const [kind, setKind] = useState<Schedule["kind"]>(schedule?.kind ?? "backup");
  const [time, setTime] = useState<SimpleTime>((schedule && simpleTime(schedule.cron)) ?? FIRST);
  const [cronText, setCronText] = useState(schedule && simpleTime(schedule.cron) === null ? schedule.cron : null);
  const [timeZone, setTimeZone] = useState(schedule?.timeZone ?? Intl.DateTimeFormat().resolvedOptions().timeZone);
  const [keepLast, setKeepLast] = useState(schedule ? (schedule.keepLast?.toString() ?? "") : "14");
  const [keepDays, setKeepDays] = useState(schedule?.keepDays?.toString() ?? "");
  const [format, setFormat] = useState(schedule?.format ?? null);
  const { formats } = ENGINES[engine];
  const cron = cronText ?? cronOf(time);
  const shown = useDeferredValue(cron);
  const preview = trpc[engine].schedules.preview.useQuery({ connection, cron: shown, timeZone }, { retry: false, enabled: open && shown !== "" });
  const save = trpc[engine].schedules.save.useMutation({ onSuccess: onSaved });
  const submit = () =>
    save.mutate({
      connection,
      ...(schedule ? { id: schedule.id } : {}),
      kind,
      cron,
      timeZone,
      keepLast: kind === "drill" ? null : numberOf(keepLast),
      keepDays: kind === "drill" ? null : numberOf(keepDays),
      enabled: schedule?.enabled ?? true,
      format: kind === "drill" ? null : format,
    });
  return (
    <FormDialog
      open={open}
      title={schedule ? "Change the schedule" : "Add a schedule"}
      action={schedule ? "Save the schedule" : "Add schedule"}
      busy={save.isPending}
      error={save.error}
      onClose={onClose}
      onSubmit={submit}
    >
      <div className="flex flex-wrap items-center gap-3">
        <Segmented
          label="What runs"
          name="schedule-kind"
          value={kind}
          onChange={setKind}
          options={[
            { value: "backup", label: "Backup" },
            { value: "drill", label: "Proof drill" },
          ]}
        />
        <span className="text-12 text-fg-2">
          {kind === "backup" ? "read back whole each time" : "restores the newest verified backup aside, compares it, drops it"}
        </span>
      </div>
      <div className="flex flex-wrap items-end gap-3">
        <Field id={`${id}-every`} label="When">
          <Select
            id={`${id}-every`}
            value={cronText === null ? time.every : "cron"}
            onChange={(event) => {
              const every = event.target.value as keyof typeof EVERY;
              if (every === "cron") setCronText(cron);
              else {
                setCronText(null);
                setTime({ ...time, every });
              }
            }}
          >
            {Object.entries(EVERY).map(([value, label]) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </Select>
        </Field>
        {cronText !== null ? (
          <Field id={`${id}-cron`} label="Minute, hour, day, month, weekday" className="grow">
            <Input id={`${id}-cron`} mono required maxLength={100} value={cronText} onChange={(event) => setCronText(event.target.value)} />
          </Field>
        ) : (
          <SimpleFields id={id} time={time} onChange={(change) => setTime({ ...time, ...change })} />
        )}
        <Field id={`${id}-zone`} label="Time zone" className="grow">
          <Input id={`${id}-zone`} required maxLength={60} value={timeZone} onChange={(event) => setTimeZone(event.target.value)} list={`${id}-zones`} />
          <datalist id={`${id}-zones`}>
            {["UTC", ...Intl.supportedValuesOf("timeZone")].map((zone) => (
              <option key={zone} value={zone} />
            ))}
          </datalist>
        </Field>
      </div>
      <p className="min-h-10 text-12 text-fg-2" aria-live="polite">
        {preview.error ? (
          <span className="text-red-text">{[preview.error.message, preview.error.data?.fix].filter(Boolean).join(". ")}</span>
        ) : (
          <>
            Next:{" "}
            {preview.data?.nextRuns.slice(0, 3).map((run, index) => (
              <span key={run}>
                {index > 0 ? " · " : ""}
                <RelativeTime time={run} show="moment" />
              </span>
            ))}
          </>
        )}
      </p>
      {kind === "backup" && formats ? (
        <Field id={`${id}-format`} label="Format" hint={backupFormat(engine, format)?.words}>
          <Select
            id={`${id}-format`}
            aria-describedby={`${id}-format-note`}
            value={format ?? ""}
            onChange={(event) => setFormat(event.target.value === "" ? null : event.target.value)}
          >
            <option value="">as the server gives it</option>
            {formats.map((one) => (
              <option key={one.id} value={one.id}>
                {one.label}
              </option>
            ))}
          </Select>
        </Field>
      ) : null}
      {kind === "backup" ? (
        <fieldset className="flex flex-wrap gap-3">
          <legend className="mb-1.5 text-13 font-medium">Its backups are kept while they are</legend>
          <NumberField
            id={`${id}-last`}
            label="among the last"
            min={1}
            max={1000}
            placeholder="no rule"
            end="backups"
            value={keepLast}
            onChange={setKeepLast}
          />
          <NumberField id={`${id}-days`} label="or younger than" min={1} max={3660} placeholder="no rule" end="days" value={keepDays} onChange={setKeepDays} />
          <p className="basis-full text-12 text-fg-3">
            {keepLast === "" && keepDays === ""
              ? "Without a number all are kept."
              : "Backups by hand and uploads are never deleted by it, nor the last good and the last proved one."}
          </p>
        </fieldset>
      ) : null}
    </FormDialog>
  );
}

const numberOf = (text: string): number | null => (text.trim() === "" ? null : Number(text));

interface NumberFieldProps extends Pick<ComponentProps<"input">, "min" | "max" | "required" | "placeholder"> {
  id: string;
  label: string;
  /** Its unit. */
  end?: string;
  value: number | string;
  onChange: (text: string) => void;
}

function NumberField({ id, label, onChange, ...input }: NumberFieldProps) {
  return (
    <Field id={id} label={label}>
      <Input id={id} type="number" {...input} onChange={(event) => onChange(event.target.value)} />
    </Field>
  );
}

function SimpleFields({ id, time, onChange }: { id: string; time: SimpleTime; onChange: (change: Partial<SimpleTime>) => void }) {
  const clock = `${String(time.hour).padStart(2, "0")}:${String(time.minute).padStart(2, "0")}`;
  return (
    <>
      {time.every === "week" ? (
        <Field id={`${id}-weekday`} label="on">
          <Select id={`${id}-weekday`} value={time.weekday} onChange={(event) => onChange({ weekday: Number(event.target.value) })}>
            {WEEKDAYS.map((day, index) => (
              <option key={day} value={index}>
                {day}
              </option>
            ))}
          </Select>
        </Field>
      ) : null}
      {time.every === "month" ? (
        <NumberField id={`${id}-day`} label="on day" required min={1} max={28} value={time.day} onChange={(text) => onChange({ day: Number(text) })} />
      ) : null}
      {time.every === "hour" ? (
        <NumberField
          id={`${id}-minute`}
          label="at minute"
          required
          min={0}
          max={59}
          value={time.minute}
          onChange={(text) => onChange({ minute: Number(text) })}
        />
      ) : (
        <Field id={`${id}-clock`} label="at">
          <Input
            id={`${id}-clock`}
            type="time"
            required
            value={clock}
            onChange={(event) => {
              const [hour, minute] = event.target.value.split(":").map(Number);
              if (hour !== undefined && minute !== undefined && !Number.isNaN(hour + minute)) onChange({ hour, minute });
            }}
          />
        </Field>
      )}
    </>
  );
}
