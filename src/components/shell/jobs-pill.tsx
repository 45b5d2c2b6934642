import Link from "next/link";
import { Ring } from "@/components/ui/ring";
import { formatShare } from "@/lib/format";

export interface JobsPillProps {
  /** "Backup"; with several running, "3 jobs". */
  label: string;
  /** 0 to 1; null while the whole is not known. */
  share: number | null;
  href?: string;
}

/** What runs now, in the top bar: a ring, a word, a share. */
export function JobsPill({ label, share, href = "/jobs" }: JobsPillProps) {
  return (
    <Link href={href} className="inline-flex h-8 shrink-0 items-center gap-2 rounded-full border border-line bg-surface px-3 text-13 hover:bg-hover">
      <Ring share={share} />
      <span className="font-medium max-md:sr-only">{label}</span>
      {share === null ? (
        <span className="text-fg-2 md:sr-only">running</span>
      ) : (
        <span className="text-fg-2 max-md:font-medium max-md:text-fg">{formatShare(Math.floor(share * 100) / 100)}</span>
      )}
    </Link>
  );
}
