/** Formats `2026-01-25T14:30:00`, local to the office, as `25/01/2026 à 14 h 30`. Other text is unchanged. */
export function inFrench(dateTime: string): string {
  return dateTime.replace(/^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d).*$/, "$3/$2/$1 à $4 h $5");
}
