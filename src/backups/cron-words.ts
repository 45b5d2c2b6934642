/** Five cron fields in words, for the forms that people use; others are shown as they are. */

const WEEKDAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

export interface SimpleTime {
  every: "hour" | "day" | "week" | "month";
  minute: number;
  hour: number;
  /** 0 is Sunday. */
  weekday: number;
  day: number;
}

const inRange = (text: string | undefined, low: number, high: number): number | null => {
  if (text === undefined || !/^\d{1,2}$/.test(text)) return null;
  const value = Number(text);
  return value >= low && value <= high ? value : null;
};

/** The parts of "12 3 * * *" and its like; null for what is not that simple. */
export function simpleTime(cron: string): SimpleTime | null {
  const [minuteText, hourText, dayText, monthText, weekdayText, ...more] = cron.trim().split(/\s+/);
  const minute = inRange(minuteText, 0, 59);
  if (minute === null || monthText !== "*" || more.length > 0) return null;
  const base = { minute, hour: 0, weekday: 1, day: 1 };
  if (hourText === "*" && dayText === "*" && weekdayText === "*") return { ...base, every: "hour" };
  const hour = inRange(hourText, 0, 23);
  if (hour === null) return null;
  if (dayText === "*" && weekdayText === "*") return { ...base, hour, every: "day" };
  const weekday = inRange(weekdayText, 0, 6);
  if (dayText === "*" && weekday !== null) return { ...base, hour, weekday, every: "week" };
  const day = inRange(dayText, 1, 28);
  return day !== null && weekdayText === "*" ? { ...base, hour, day, every: "month" } : null;
}

export function cronOf({ every, minute, hour, weekday, day }: SimpleTime): string {
  const fields = { hour: "* * * *", day: `${hour} * * *`, week: `${hour} * * ${weekday}`, month: `${hour} ${day} * *` };
  return `${minute} ${fields[every]}`;
}

const two = (value: number): string => String(value).padStart(2, "0");

/** "every day at 03:12", "every Saturday at 04:00", "every hour at :05"; a form that has no words as it is. */
export function cronWords(cron: string): string {
  const time = simpleTime(cron);
  if (!time) return cron;
  const clock = `${two(time.hour)}:${two(time.minute)}`;
  if (time.every === "hour") return `every hour at :${two(time.minute)}`;
  if (time.every === "day") return `every day at ${clock}`;
  if (time.every === "week") return `every ${WEEKDAYS[time.weekday]} at ${clock}`;
  return `on day ${time.day} of every month at ${clock}`;
}
