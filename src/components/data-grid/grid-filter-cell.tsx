"use client";

import { X } from "lucide-react";
import { memo, useState } from "react";
import { filterText, hintOf, operatorsOf, operatorWords, parseFilterText, splitList, valuesWanted } from "@/components/data-grid/filter-text";
import type { LaidColumn } from "@/components/data-grid/grid-layout";
import type { FilterOperator, GridColumn, GridFilter } from "@/components/data-grid/grid-types";
import { Button } from "@/components/ui/button";
import { classNames } from "@/components/ui/class-names";
import { Input } from "@/components/ui/input";
import { Popover } from "@/components/ui/popover";
import { Select } from "@/components/ui/select";

export interface FilterCellProps {
  laid: LaidColumn;
  filter: GridFilter | undefined;
  onChange: (column: string, filter: GridFilter | null) => void;
}

type ChangeFilter = (filter: GridFilter | null) => void;

/** A place to type in, or what is filtered now with a way to clear it. */
export const FilterCell = memo(function FilterCell({ laid, filter, onChange }: FilterCellProps) {
  const { column } = laid;
  const change: ChangeFilter = (next) => onChange(column.name, next);
  return (
    <div
      role="gridcell"
      aria-colindex={laid.position}
      style={{ width: laid.width, ...(laid.pinnedAt === null ? {} : { left: laid.pinnedAt }) }}
      className={classNames(
        "flex shrink-0 items-center border-r border-line-soft bg-surface px-1",
        laid.pinnedAt !== null && "sticky z-3",
        laid.lastPinned && "border-line!",
      )}
    >
      {filter ? <ActiveFilter column={column} filter={filter} onChange={change} /> : <QuickFilter column={column} onChange={change} />}
    </div>
  );
});

function QuickFilter({ column, onChange }: { column: GridColumn; onChange: ChangeFilter }) {
  const [text, setText] = useState("");
  const take = (): void => {
    const parsed = parseFilterText(text, column.family);
    if (parsed) onChange({ column: column.name, ...parsed });
  };
  return (
    <input
      aria-label={`Filter ${column.name}`}
      title="Type a value, or: = <> < > >= in a, b · 1..5 · null · not null"
      placeholder={hintOf[column.family]}
      value={text}
      data-filter
      onChange={(event) => setText(event.target.value)}
      onKeyDown={(event) => {
        event.stopPropagation();
        if (event.key === "Enter") take();
        if (event.key === "Escape") setText("");
      }}
      className="field h-[26px] w-full min-w-0 rounded-[7px] px-2 text-12"
    />
  );
}

function ActiveFilter({ column, filter, onChange }: { column: GridColumn; filter: GridFilter; onChange: ChangeFilter }) {
  const [first = ""] = filter.values;
  const wanted = valuesWanted(filter.operator);
  return (
    <span className="flex h-[26px] w-full min-w-0 items-center rounded-[7px] border border-accent-line bg-accent-soft text-12 text-accent-text">
      <Popover
        label={`Filter ${column.name}`}
        trigger={
          <button
            type="button"
            title={`${column.name} ${filterText(filter)}`}
            className="flex h-full min-w-0 grow items-center gap-1.5 rounded-[7px] pl-2 text-left"
          >
            <span className="shrink-0 font-mono">
              {wanted === "none" ? (filter.operator === "is null" ? "NULL" : "not NULL") : filter.operator === "contains" ? "has" : filter.operator}
            </span>
            <span className="truncate">{wanted === "one" ? (first === "" ? "''" : first) : filter.values.join(wanted === "two" ? " .. " : ", ")}</span>
          </button>
        }
      >
        {(close) => (
          <FilterForm
            column={column}
            filter={filter}
            onApply={(next) => {
              onChange(next);
              close();
            }}
          />
        )}
      </Popover>
      <button
        type="button"
        aria-label={`Clear the filter of ${column.name}`}
        onClick={() => onChange(null)}
        className="flex size-6 shrink-0 items-center justify-center rounded-md hover:bg-accent-line"
      >
        <X aria-hidden className="size-3.5" />
      </button>
    </span>
  );
}

export interface FilterFormProps {
  column: GridColumn;
  filter?: GridFilter;
  onApply: (filter: GridFilter) => void;
}

/** Every operator of the column's kind, in words. */
export function FilterForm({ column, filter, onApply }: FilterFormProps) {
  const operators = operatorsOf[column.family];
  const [operator, setOperator] = useState<FilterOperator>(filter?.operator ?? operators[0] ?? "=");
  const [values, setValues] = useState<readonly string[]>(filter?.values ?? []);
  const [list, setList] = useState((filter?.operator === "in" ? filter.values : []).join(", "));
  const wanted = valuesWanted(operator);
  const setValue = (index: number, value: string): void => setValues([0, 1].map((at) => (at === index ? value : (values[at] ?? ""))));
  const result = wanted === "none" ? [] : wanted === "many" ? splitList(list) : [0, 1].slice(0, wanted === "one" ? 1 : 2).map((at) => values[at] ?? "");
  return (
    <form
      className="flex w-64 flex-col gap-2.5"
      onSubmit={(event) => {
        event.preventDefault();
        event.stopPropagation();
        onApply({ column: column.name, operator, values: result });
      }}
    >
      <p className="font-medium">
        {column.name} <span className="font-mono text-11 font-normal text-fg-3">{column.type}</span>
      </p>
      <Select label="How" value={operator} onChange={(event) => setOperator(operators.find((entry) => entry === event.target.value) ?? "=")}>
        {operators.map((entry) => (
          <option key={entry} value={entry}>
            {operatorWords[entry]}
          </option>
        ))}
      </Select>
      {wanted === "one" || wanted === "two" ? (
        <Input aria-label={wanted === "two" ? "From" : "Value"} autoFocus mono value={values[0] ?? ""} onChange={(event) => setValue(0, event.target.value)} />
      ) : null}
      {wanted === "two" ? <Input aria-label="To" mono value={values[1] ?? ""} onChange={(event) => setValue(1, event.target.value)} /> : null}
      {wanted === "many" ? (
        <Input aria-label="Values, with commas between" placeholder="a, b, c" autoFocus mono value={list} onChange={(event) => setList(event.target.value)} />
      ) : null}
      <Button type="submit" variant="primary" size="sm" disabled={wanted === "many" && result.length === 0}>
        Apply
      </Button>
    </form>
  );
}
