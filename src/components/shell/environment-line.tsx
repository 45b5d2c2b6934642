import type { Environment } from "@/components/ui/badge";

const looks = { production: "h-[3px] bg-red", staging: "h-[3px] bg-amber", development: "h-px bg-line" };

/** Red under the top bar on production, amber on staging, a hairline else: impossible to miss. */
export function EnvironmentLine({ environment }: { environment: Environment | null }) {
  return <div data-environment={environment ?? "none"} aria-hidden="true" className={`w-full shrink-0 ${looks[environment ?? "development"]}`} />;
}
