import { describe, expect, it } from "vitest";
import { cronOf, cronWords, simpleTime } from "@/backups/cron-words";

describe("cronWords", () => {
  it.each([
    ["12 3 * * *", "every day at 03:12"],
    ["0 4 * * 6", "every Saturday at 04:00"],
    ["5 * * * *", "every hour at :05"],
    ["30 2 1 * *", "on day 1 of every month at 02:30"],
    ["*/5 * * * *", "*/5 * * * *"],
    ["0 3 * 6 *", "0 3 * 6 *"],
    ["0 24 * * *", "0 24 * * *"],
    ["0 3 31 * *", "0 3 31 * *"],
    ["nonsense", "nonsense"],
  ])("%s is %s", (cron, words) => expect(cronWords(cron)).toBe(words));
});

it("what is simple comes back as it was", () => {
  for (const cron of ["12 3 * * *", "0 4 * * 6", "5 * * * *", "30 2 1 * *"]) {
    const time = simpleTime(cron);
    expect(time && cronOf(time)).toBe(cron);
  }
});
