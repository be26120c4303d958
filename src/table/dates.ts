/** Parts of a date that a network can learn from, in UTC. */

/** A part of a date. */
export type DatePart = "days" | "month" | "weekday" | "hour";

const DAY = 86_400_000;

/** The value of each part, from milliseconds since 1970: NaN stays NaN. */
export const dateParts: Readonly<Record<DatePart, (time: number) => number>> = {
  days: (time) => time / DAY,
  month: (time) => new Date(time).getUTCMonth(),
  weekday: (time) => new Date(time).getUTCDay(),
  hour: (time) => (((time % DAY) + DAY) % DAY) / 3_600_000,
};

const MONTHS = ["January", "February", "March", "April", "May", "June"].concat([
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
]);
const WEEKDAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/** The names of the values of a part, where it has names. */
export const partNames: Readonly<Record<DatePart, readonly string[]>> = {
  days: [],
  month: MONTHS,
  weekday: WEEKDAYS,
  hour: [],
};
