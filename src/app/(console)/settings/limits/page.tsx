import type { Metadata } from "next";
import { KeyValueList } from "@/components/ui/key-value-list";
import { PageBody, PageHeader } from "@/components/ui/page-header";
import { Panel, PanelBody } from "@/components/ui/panel";
import { formatBytes, formatCount } from "@/lib/format";
import { roleMay } from "@/lib/rights";
import { requireSession } from "@/server/auth/require-session";
import { LIMITS } from "@/server/limits";
import { SettingsFrame } from "../settings-frame";

export const metadata: Metadata = { title: "Limits" };

const rows = [
  { label: "Rows on a page", value: `${LIMITS.pageRows}, at most ${LIMITS.pageRowsMax}` },
  { label: "One result", value: formatBytes(LIMITS.resultBytesMax) },
  { label: "A query stops after", value: `${LIMITS.queryTimeoutMs / 1000} s` },
  { label: "An exact count stops after", value: `${LIMITS.exactCountTimeoutMs / 1000} s, then the estimate stays` },
  { label: "Of a value in a page", value: `${formatCount(LIMITS.cellPrefix)} characters; opened whole up to ${formatBytes(LIMITS.valueBytesMax)}` },
  { label: "Running queries", value: `${LIMITS.runningQueriesPerUser} a person, ${LIMITS.runningQueriesMax} in all` },
  { label: "Backup jobs at once", value: `${LIMITS.backupJobsAtOnce}, one a server` },
  { label: "Redis SCAN COUNT", value: `at most ${formatCount(LIMITS.redisScanCount)}` },
  { label: "A file made elsewhere", value: `at most ${formatBytes(LIMITS.uploadBytesMax)}, received as a stream` },
  { label: "Look inside a backup", value: `the first ${LIMITS.peekItemsMax} items of an object` },
  { label: "A schedule", value: `every ${LIMITS.scheduleEveryMinutesMin} minutes at most` },
  { label: "A restore can be undone", value: `for ${LIMITS.undoHours} h` },
  { label: "An approval is good", value: `for ${LIMITS.approvalMinutes} min, for one use` },
  { label: "A download link lives", value: `${LIMITS.downloadTicketSeconds} s, for one use` },
  {
    label: "A session ends",
    value: `after ${LIMITS.sessionAbsoluteHours} h, or ${LIMITS.sessionIdleMinutes.viewer} min idle (operators and admins ${LIMITS.sessionIdleMinutes.admin} min)`,
  },
  { label: "A request", value: `at most ${formatBytes(LIMITS.requestBodyBytesMax)}, ${LIMITS.batchCallsMax} calls in a batch` },
];

export default async function Page() {
  const { role } = await requireSession();
  return (
    <SettingsFrame admin={roleMay(role, "administer")}>
      <PageBody>
        <PageHeader title="Limits" note="they hold everywhere and for everybody" />
        <Panel className="max-w-3xl">
          <PanelBody className="py-2">
            <KeyValueList wide items={rows} />
          </PanelBody>
        </Panel>
      </PageBody>
    </SettingsFrame>
  );
}
