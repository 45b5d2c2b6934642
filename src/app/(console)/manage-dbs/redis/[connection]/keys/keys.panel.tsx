"use client";
import { KeyRound } from "lucide-react";
import { useQueryStates } from "nuqs";
import { useCallback, useState } from "react";
import { later } from "@/components/later";
import { ShellCrumbs } from "@/components/shell/app-shell";
import type { Environment } from "@/components/ui/badge";
import { classNames } from "@/components/ui/class-names";
import { LinesSkeleton } from "@/components/ui/skeleton";
import { EmptyState } from "@/components/ui/states";
import type { RedisBytes } from "../../redis.schema";
import type { KeyNews } from "./key-list";
import { addressOf, nameOf, shownName } from "./key-names";
import { keysState } from "./keys.state";

const loading = () => (
  <div className="grow p-4">
    <LinesSkeleton lines={8} />
  </div>
);
const KeyList = later(() => import("./key-list").then((module) => module.KeyList), { loading });
const KeyView = later(() => import("./key-view").then((module) => module.KeyView), { loading });
const PopularKeys = later(() => import("./popular-keys").then((module) => module.PopularKeys), { loading });

interface KeysPanelProps {
  connection: string;
  environment: Environment;
  mayWrite: boolean;
  mayExport: boolean;
}

/** Keys at the left, found step by step; the open one beside them. On a phone one at a time. Everything chosen is in the URL. */
export function KeysPanel({ connection, environment, mayWrite, mayExport }: KeysPanelProps) {
  const [state, setState] = useQueryStates(keysState.parsers);
  const { db, pattern, type, list, key, encoding } = state;
  const [news, setNews] = useState<KeyNews | null>(null);
  const open = key === null ? null : nameOf({ key, encoding });
  const show = (name: RedisBytes | null): void => {
    const address = name === null ? null : addressOf(name);
    void setState(address ?? { key: null, encoding: null }, { history: "push" });
  };
  const common = {
    connection,
    db,
    open,
    onOpen: show,
    list,
    onList: (next: typeof list) => void setState({ list: next }, { history: "push" }),
    onDatabase: (next: number) => void setState({ db: next, key: null, encoding: null }, { history: "push" }),
  };
  const tell = useCallback((key: KeyNews["key"]) => setNews({ db, key }), [db]);

  return (
    <div className="flex min-h-0 grow">
      <ShellCrumbs crumbs={[{ label: `db${db}` }]} />
      <section
        aria-label="Keys"
        className={classNames("min-h-0 w-full flex-col border-line bg-surface md:flex md:w-98 md:shrink-0 md:border-r", open === null ? "flex" : "hidden")}
      >
        {list === "popular" ? (
          <PopularKeys {...common} />
        ) : (
          <KeyList
            {...common}
            filter={{ db, pattern, type }}
            onFilter={(change) => void setState(change, { history: "push" })}
            mayExport={mayExport}
            news={news}
          />
        )}
      </section>
      <section aria-label="Key" className={classNames("min-h-0 min-w-0 grow flex-col bg-surface md:flex", open === null ? "hidden" : "flex")}>
        {open === null ? (
          <EmptyState className="grow" icon={<KeyRound aria-hidden />} title="Choose a key">
            Its type, expiry, memory and value are shown here.
          </EmptyState>
        ) : (
          <KeyView
            key={`${db} ${encoding} ${key}`}
            connection={connection}
            environment={environment}
            db={db}
            name={open}
            title={shownName(open)}
            mayWrite={mayWrite}
            mayExport={mayExport}
            onClose={() => show(null)}
            onNews={tell}
          />
        )}
      </section>
    </div>
  );
}
