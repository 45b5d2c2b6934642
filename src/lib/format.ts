/** How figures and times are written on screen. Pure: the clock and the time zone are always arguments or the caller's own. */

const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** Bytes in binary units with about three figures: "6 B", "1.4 KiB", "834 MiB", "3.86 GiB". */
export function formatBytes(bytes: number): string {
  if (!Number.isFinite(bytes)) return "";
  const sign = bytes < 0 ? "−" : "";
  let value = Math.abs(bytes);
  if (value < 1024) return `${sign}${Math.round(value)} B`;
  let unit = 0;
  // 1023.5 would be written as 1024: the next unit says it better.
  while (value >= 1023.5 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const text = value < 9.995 && unit >= 3 ? value.toFixed(2) : value < 99.95 ? value.toFixed(1) : groupDigits(value.toFixed(0));
  return `${sign}${unit < 3 ? text.replace(/\.0$/, "") : text} ${units[unit]}`;
}

/** Puts a separator between groups of three digits of a plain decimal integer; any other text comes back as it is. */
export function groupDigits(digits: string): string {
  return /^[-−]?\d+$/.test(digits) ? digits.replace(/\B(?=(\d{3})+(?!\d))/g, ",") : digits;
}

export interface CountOptions {
  /** Estimates always carry `~`. */
  estimated?: boolean;
  /** "~31.4 M" for narrow places. */
  compact?: boolean;
}

export function formatCount(count: number, { estimated = false, compact = false }: CountOptions = {}): string {
  if (!Number.isFinite(count)) return "";
  return `${estimated ? "~" : ""}${compact ? compactCount(count) : groupDigits(Math.round(count).toString())}`;
}

function compactCount(count: number): string {
  const size = Math.abs(count);
  if (size < 10_000) return groupDigits(Math.round(count).toString());
  if (size < 999_500) return `${Math.round(count / 1000)} k`;
  if (size < 999_500_000) return `${threeFigures(count / 1e6)} M`;
  if (size < 999.5e9) return `${threeFigures(count / 1e9)} G`;
  return `${groupDigits(Math.round(count / 1e9).toString())} G`;
}

function threeFigures(value: number): string {
  const size = Math.abs(value);
  return value.toFixed(size < 9.995 ? 2 : size < 99.95 ? 1 : 0);
}

/** A signed difference with a true minus: "+41,203", "−12", "0". */
export function formatDifference(count: number): string {
  if (count === 0) return "0";
  return `${count > 0 ? "+" : "−"}${groupDigits(Math.abs(Math.round(count)).toString())}`;
}

/** A share from 0 to 1: "62 %", "99.3 %", "under 0.1 %". */
export function formatShare(share: number): string {
  const percent = share * 100;
  if (percent > 0 && percent < 0.1) return "under 0.1 %";
  if (percent < 100 && percent >= 99.95) return "over 99.9 %";
  return `${percent.toFixed(percent >= 10 && Number.isInteger(Math.round(percent * 10) / 10) ? 0 : 1).replace(/\.0$/, "")} %`;
}

/** A length of time in at most two units: "41 days 6 h", "3 min 12 s", "14 s". Seconds in. */
export function formatDuration(seconds: number): string {
  if (seconds > 0 && seconds < 0.95) return `${Math.max(0.1, Math.round(seconds * 10) / 10)} s`;
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return pair(Math.floor(whole / 60), "min", whole % 60, "s");
  if (whole < 86_400) return pair(Math.floor(whole / 3600), "h", Math.floor((whole % 3600) / 60), "min");
  const days = Math.floor(whole / 86_400);
  return pair(days, days === 1 ? "day" : "days", Math.floor((whole % 86_400) / 3600), "h");
}

/** The same for narrow columns: "6 d 2 h", "23 min", "45 s". */
export function formatDurationShort(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min`;
  if (whole < 86_400) return pair(Math.floor(whole / 3600), "h", Math.floor((whole % 3600) / 60), "min");
  return pair(Math.floor(whole / 86_400), "d", Math.floor((whole % 86_400) / 3600), "h");
}

/** How long something took, from milliseconds: "2 ms", "0.4 s" is written "400 ms", "2.1 s", "3 min 12 s". */
export function formatElapsed(milliseconds: number): string {
  if (milliseconds < 999.5) return `${milliseconds > 0 && milliseconds < 0.5 ? "under 1" : Math.round(milliseconds)} ms`;
  if (milliseconds < 9_950) return `${(milliseconds / 1000).toFixed(1).replace(/\.0$/, "")} s`;
  return formatDuration(milliseconds / 1000);
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}

/** "4 s ago", "41 min ago", "31 h ago", "2 days ago", "in 3 days". Hours up to two days, days up to two months, then months and years. */
export function formatRelative(time: Date | string, now: Date): string {
  const seconds = Math.round((now.getTime() - new Date(time).getTime()) / 1000);
  if (Number.isNaN(seconds)) return "";
  if (Math.abs(seconds) < 2) return "now";
  const amount = largestUnit(Math.abs(seconds));
  return seconds > 0 ? `${amount} ago` : `in ${amount}`;
}

function largestUnit(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h`;
  const days = Math.floor(seconds / 86_400);
  if (days < 61) return `${days} days`;
  if (days < 730) return `${Math.floor(days / 30.44)} months`;
  return `${Math.floor(days / 365.25)} years`;
}

interface DateParts {
  weekday: string;
  day: string;
  month: string;
  year: string;
  hour: string;
  minute: string;
  second: string;
  zone: string;
}

const formatters = new Map<string, Intl.DateTimeFormat>();

/** Without a time zone the viewer's own is used. */
function dateParts(time: Date | string, timeZone: string | undefined): DateParts | null {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return null;
  const key = timeZone ?? "";
  let formatter = formatters.get(key);
  if (!formatter) {
    formatter = new Intl.DateTimeFormat("en-GB", {
      weekday: "short",
      day: "numeric",
      month: "short",
      year: "numeric",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
      hourCycle: "h23",
      timeZoneName: "short",
      ...(timeZone ? { timeZone } : {}),
    });
    formatters.set(key, formatter);
  }
  const found = Object.fromEntries(formatter.formatToParts(date).map((part) => [part.type, part.value]));
  const part = (name: string): string => found[name] ?? "";
  return {
    weekday: part("weekday"),
    day: part("day"),
    month: part("month").slice(0, 3),
    year: part("year"),
    hour: part("hour"),
    minute: part("minute"),
    second: part("second"),
    zone: part("timeZoneName"),
  };
}

/** "23 Dec 2026" */
export function formatDay(time: Date | string, timeZone?: string): string {
  const parts = dateParts(time, timeZone);
  return parts ? `${parts.day} ${parts.month} ${parts.year}` : "";
}

/** "Mon 23 Nov 2026, 09:41" */
export function formatDateTime(time: Date | string, timeZone?: string): string {
  const parts = dateParts(time, timeZone);
  return parts ? `${parts.weekday} ${parts.day} ${parts.month} ${parts.year}, ${parts.hour}:${parts.minute}` : "";
}

/** "09:41:07" */
export function formatClock(time: Date | string, timeZone?: string): string {
  const parts = dateParts(time, timeZone);
  return parts ? `${parts.hour}:${parts.minute}:${parts.second}` : "";
}

/** "23 Nov 2026, 08:41 UTC": what the server writes, equal for every reader. */
export function formatUtc(time: Date | string): string {
  const parts = dateParts(time, "UTC");
  return parts ? `${parts.day} ${parts.month} ${parts.year}, ${parts.hour}:${parts.minute} UTC` : "";
}

/** Local and UTC to the second, for the hover: "Mon 23 Nov 2026, 09:36:47 CET · 08:36:47 UTC". */
export function formatExact(time: Date | string, timeZone?: string): string {
  const local = dateParts(time, timeZone);
  const utc = dateParts(time, "UTC");
  if (!local || !utc) return "";
  const here = `${local.weekday} ${local.day} ${local.month} ${local.year}, ${local.hour}:${local.minute}:${local.second} ${local.zone}`;
  return local.zone === "UTC" ? here : `${here} · ${utc.hour}:${utc.minute}:${utc.second} UTC`;
}

/** "Today 03:12", "Yesterday 03:12", "Sat 21 Nov 03:12", with the year when it is another one. */
export function formatMoment(time: Date | string, now: Date, timeZone?: string): string {
  const parts = dateParts(time, timeZone);
  const today = dateParts(now, timeZone);
  const yesterday = dateParts(new Date(now.getTime() - 86_400_000), timeZone);
  if (!parts || !today || !yesterday) return "";
  const clock = `${parts.hour}:${parts.minute}`;
  const sameDay = (other: DateParts): boolean => other.day === parts.day && other.month === parts.month && other.year === parts.year;
  if (sameDay(today)) return `Today ${clock}`;
  if (sameDay(yesterday)) return `Yesterday ${clock}`;
  return `${parts.weekday} ${parts.day} ${parts.month}${parts.year === today.year ? "" : ` ${parts.year}`} ${clock}`;
}

/** "1 row", "2 rows", "~1,000,412 keys". */
export function formatCounted(count: number, word: { one: string; many: string }, options: CountOptions = {}): string {
  return `${formatCount(count, options)} ${count === 1 ? word.one : word.many}`;
}

/** The first letter large: "all rows" at the beginning of a sentence. */
export const capitalised = (words: string): string => words.charAt(0).toUpperCase() + words.slice(1);
