import { BadgeCheck, Binary, Copy, Lock } from "lucide-react";
import type { ReactNode } from "react";
import { EngineMark } from "@/components/engine-mark";
import { LogoTile } from "@/components/shell/logo-tile";
import { ENGINES, ENGINE_IDS } from "@/engines";

export interface SignInLayoutProps {
  version: string;
  /** Right of the version: what the form does to guessers. */
  foot?: ReactNode;
  children: ReactNode;
}

const promises = [
  {
    Icon: BadgeCheck,
    look: "text-green",
    title: "Good means read back whole",
    text: "Every backup is read to its end, every count compared, before it is called good.",
  },
  { Icon: Copy, look: "text-accent-text", title: "A restore stands aside", text: "Into a new name, compared with the manifest, kept only when equal." },
  { Icon: Binary, look: "text-code-num", title: "A value stays what it is", text: "Every digit, byte and NULL comes through screen, export and backup." },
  { Icon: Lock, look: "text-fg-2", title: "Rights are asked each time", text: "Role and grant are read again on every call, and every denial is logged." },
];

/** The page around the sign-in and set-up forms: the form left, what the console stands for right. */
export function SignInLayout({ version, foot, children }: SignInLayoutProps) {
  return (
    <div className="grid min-h-dvh bg-surface lg:grid-cols-[600px_1fr]">
      <div className="flex min-w-0 flex-col px-5 py-6 md:px-10 md:py-8">
        <header className="flex items-center gap-2.5 text-14 font-semibold">
          <LogoTile />
          Foundry Console
        </header>
        <main className="mx-auto flex w-full max-w-[344px] grow flex-col justify-center py-10">{children}</main>
        <footer className="flex flex-wrap justify-between gap-3 text-12 text-fg-3">
          <span>Foundry Console {version}</span>
          {foot ? <span>{foot}</span> : null}
        </footer>
      </div>
      <aside className="hidden flex-col items-center justify-center gap-10 border-l border-line bg-canvas px-10 lg:flex">
        <div className="flex w-full max-w-[576px] flex-col gap-10">
          <Days />
          <ul className="flex flex-col gap-7">
            {promises.map(({ Icon, look, title, text }) => (
              <li key={title} className="flex items-start gap-4">
                <span className="flex size-9 shrink-0 items-center justify-center rounded-lg border border-line bg-surface">
                  <Icon aria-hidden className={`size-[18px] ${look}`} />
                </span>
                <p>
                  <strong className="block text-14 font-semibold">{title}</strong>
                  <span className="text-fg-2">{text}</span>
                </p>
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
        </div>
      </aside>
    </div>
  );
}

const rows = [0, 1, 2, 3];
const days = Array.from({ length: 30 }, (_, day) => day);
const star = "M0-7.6l2.3 4.7 5.2.7-3.8 3.7.9 5.2L0 4.3l-4.6 2.4.9-5.2-3.8-3.7 5.2-.7z";

/** Thirty days of four databases, paler the longer ago. */
function Days() {
  return (
    <svg viewBox="0 0 576 104" aria-hidden="true" className="w-full">
      {rows.map((row) =>
        days.map((day) => {
          const proved = day % 7 === 6 && row < 3 && !(row === 2 && day > 24);
          const x = 8 + day * 19.3;
          const y = 13 + row * 26;
          const opacity = (0.28 + (day / 29) * 0.72).toFixed(2);
          return proved ? (
            <path key={`${row}-${day}`} d={star} transform={`translate(${x} ${y})`} fillOpacity={opacity} className="fill-gold" />
          ) : (
            <circle key={`${row}-${day}`} cx={x} cy={y} r="4.5" fillOpacity={opacity} className="fill-green" />
          );
        }),
      )}
    </svg>
  );
}
