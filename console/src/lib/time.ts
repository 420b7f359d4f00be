const RELATIVE = new Intl.RelativeTimeFormat("en-GB", { numeric: "auto" });
const ABSOLUTE = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });

const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** “3 minutes ago”, “in 2 hours”; below a minute “just now” or “in a moment”. */
export function relative(time: string, now: number = Date.now()): string {
  const seconds = (Date.parse(time) - now) / 1000;
  for (const [unit, length] of UNITS) {
    if (Math.abs(seconds) >= length) return RELATIVE.format(Math.trunc(seconds / length), unit);
  }
  return seconds > 0 ? "in a moment" : "just now";
}

/** The whole date and time, where the reader is. */
export function absolute(time: string): string {
  return ABSOLUTE.format(new Date(time));
}

/** How long something took: “32 ms”, “1.4 s”, “2 min 5 s”. */
export function duration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.max(0, Math.round(milliseconds))} ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** Between two instants; up to now when the second is missing. */
export function between(start: string, end: string | null, now: number = Date.now()): number {
  return (end === null ? now : Date.parse(end)) - Date.parse(start);
}
