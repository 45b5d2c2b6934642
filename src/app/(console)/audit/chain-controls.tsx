"use client";

import { Download, Link2, Link2Off, ShieldCheck } from "lucide-react";
import { toneClasses } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { classNames } from "@/components/ui/class-names";
import { RelativeTime } from "@/components/ui/relative-time";
import { useToast } from "@/components/ui/toast";
import { formatCount } from "@/lib/format";
import { type RouterInputs, type RouterOutputs, trpc } from "@/trpc/client";

type Verification = RouterOutputs["audit"]["verify"];

interface ChainControlsProps {
  filters: RouterInputs["audit"]["export"];
  rows: number;
  verification: Verification | null;
}

/** Whether the chain of hashes is whole, the button that checks it again, and the export of what is shown. */
export function ChainControls({ filters, rows, verification }: ChainControlsProps) {
  const toast = useToast();
  const utilities = trpc.useUtils();
  const verify = trpc.audit.verify.useMutation({
    onSuccess: () => void utilities.audit.invalidate(),
    onError: (error) => toast({ title: "The chain could not be checked", detail: error.message, tone: "red" }),
  });
  const exporting = trpc.audit.export.useMutation({
    onSuccess: ({ url }) => window.location.assign(url),
    onError: (error) => toast({ title: "The log could not be exported", detail: error.message, tone: "red" }),
  });
  const shown = verify.data ?? verification;
  return (
    <>
      {shown ? <ChainBadge verification={shown} rows={Math.max(rows, shown.rows)} /> : null}
      <Button busy={verify.isPending} onClick={() => verify.mutate()}>
        {verify.isPending ? null : <ShieldCheck aria-hidden />}
        {shown ? "Verify again" : "Verify the chain"}
      </Button>
      <Button busy={exporting.isPending} onClick={() => exporting.mutate(filters)}>
        {exporting.isPending ? null : <Download aria-hidden />}
        Export
      </Button>
    </>
  );
}

function ChainBadge({ verification, rows }: { verification: Verification; rows: number }) {
  const { ok, problem, checkedAt } = verification;
  return (
    <p
      role={ok ? "status" : "alert"}
      title={problem ?? undefined}
      className={classNames("flex min-h-8 items-center gap-2 rounded-lg border px-3 text-13 [&_svg]:size-4", toneClasses[ok ? "green" : "red"])}
    >
      {ok ? <Link2 aria-hidden /> : <Link2Off aria-hidden />}
      <strong className="font-semibold">{ok ? "Chain verified" : "Chain broken"}</strong>
      <span>
        {ok ? `${formatCount(verification.rows)} of ${formatCount(rows)} rows` : problem}, <RelativeTime time={checkedAt} />
      </span>
    </p>
  );
}
