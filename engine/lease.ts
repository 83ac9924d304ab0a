/** The lease of a host and its holder. Times in ISO 8601, UTC, by the host's clock. */
export interface Lease {
  holder: string;
  since: string;
  expires: string;
}

/** `alice@laptop (pid 812) since 12:03 UTC; the lease expires at 12:13 UTC` */
export function leaseText({ holder, since, expires }: Lease): string {
  return `${holder} since ${clock(since)}; the lease expires at ${clock(expires)}`;
}

/** Returns the time in UTC, without its date if that is today. */
function clock(iso: string): string {
  const today = new Date().toISOString().slice(0, 10);
  return `${iso.replace(`${today}T`, '').replace('T', ' ').slice(0, -8)} UTC`;
}
