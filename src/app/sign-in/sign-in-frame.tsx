import { BadgeCheck, Lock, Star, Undo2 } from "lucide-react";
import type { ReactNode } from "react";
import manifest from "../../../package.json";
import { EngineMark } from "@/components/engine-mark";
import { LogoTile } from "@/components/shell/top-bar";
import { ENGINE_IDS, ENGINES } from "@/engines";

/** The page around the sign-in and the set-up form: the form left, what the console stands for right. */
export function SignInFrame({ title, note, foot, children }: { title: string; note: ReactNode; foot?: string; children: ReactNode }) {
  return (
    <div className="grid min-h-dvh lg:grid-cols-[5fr_7fr]">
      <div className="flex flex-col bg-surface px-6 py-8 md:px-10 lg:border-r lg:border-line">
        <p className="flex items-center gap-2.5 text-14 font-semibold">
          <LogoTile />
          Foundry Console
        </p>
        <main className="m-auto flex w-full max-w-[344px] flex-col gap-7 py-10">
          <div className="flex flex-col gap-1">
            <h1 className="text-20 font-semibold">{title}</h1>
            <p className="text-fg-2">{note}</p>
          </div>
          {children}
        </main>
        <footer className="flex flex-wrap justify-between gap-x-6 gap-y-1 text-12 text-fg-3">
          <span>Foundry Console {manifest.version}</span>
          {foot ? <span>{foot}</span> : null}
        </footer>
      </div>
      <aside className="hidden flex-col justify-center gap-12 bg-canvas px-[12%] py-10 lg:flex" aria-label="What the console stands for">
        <Field />
        <ul className="flex flex-col gap-5">
          {PROMISES.map(({ Icon, tone, title: promise, text }) => (
            <li key={promise} className="flex items-start gap-4">
              <span className={`flex size-9 shrink-0 items-center justify-center rounded-lg border border-line bg-surface [&_svg]:size-[18px] ${tone}`}>
                <Icon aria-hidden />
              </span>
              <span>
                <span className="block text-14 font-semibold">{promise}</span>
                <span className="block text-fg-2">{text}</span>
              </span>
            </li>
          ))}
        </ul>
        <ul className="flex flex-wrap gap-5 text-fg-2">
          {ENGINE_IDS.map((engine) => (
            <li key={engine} className="flex items-center gap-2">
              <EngineMark engine={engine} size={24} />
              {ENGINES[engine].label}
            </li>
          ))}
        </ul>
      </aside>
    </div>
  );
}

const PROMISES = [
  {
    Icon: BadgeCheck,
    tone: "text-green",
    title: "Good means read back whole",
    text: "Every backup is read to its end, every count compared, before it is called good.",
  },
  {
    Icon: Star,
    tone: "text-gold [&_svg]:fill-current",
    title: "Proved means restored",
    text: "A drill restores it aside, compares every object and drops the copy.",
  },
  { Icon: Undo2, tone: "text-accent-text", title: "A restore can be undone", text: "All or nothing, swapped in one step, the old data kept beside." },
  { Icon: Lock, tone: "text-fg-2", title: "A viewer cannot write", text: "The database itself refuses, not a filter in front of it." },
];

const COLUMNS = 30;
const STEP = 20;
const STARS = [6, 13, 20, 27];

/** Thirty days of four databases: a dot is a good backup, a star a proved one. Decoration. */
function Field() {
  const marks = [0, 1, 2, 3].flatMap((row) =>
    Array.from({ length: COLUMNS }, (_, column) => {
      const opacity = (0.25 + (0.75 * column) / (COLUMNS - 1)).toFixed(2);
      const [x, y] = [column * STEP + 10, row * 27 + 12];
      const proved = STARS.includes(column) && row < (column === 27 ? 2 : 3);
      return proved ? (
        <polygon key={`${row} ${column}`} className="fill-gold" fillOpacity={opacity} points={starAt(x, y)} />
      ) : (
        <circle key={`${row} ${column}`} className="fill-green" fillOpacity={opacity} cx={x} cy={y} r="4.5" />
      );
    }),
  );
  return (
    <svg viewBox={`0 0 ${COLUMNS * STEP} 105`} className="w-full max-w-[600px]" aria-hidden="true">
      {marks}
    </svg>
  );
}

function starAt(x: number, y: number): string {
  return Array.from({ length: 10 }, (_, point) => {
    const radius = point % 2 === 0 ? 8.5 : 3.6;
    const angle = (point * Math.PI) / 5 - Math.PI / 2;
    return `${(x + radius * Math.cos(angle)).toFixed(1)},${(y + radius * Math.sin(angle)).toFixed(1)}`;
  }).join(" ");
}
