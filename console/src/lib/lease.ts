/** Lengths of time that are offered; the server takes any of seconds, minutes, hours and days. */
export const LEASES = [
  ["", "None: it lives until it is deleted"],
  ["2h", "2 hours"],
  ["1d", "1 day"],
  ["3d", "3 days"],
  ["7d", "7 days"],
  ["30d", "30 days"],
] as const;
