/** The lease of a host as somebody holds it. Times in ISO 8601, UTC, by the host's clock. */
export interface Lease {
  holder: string;
  since: string;
  expires: string;
}

/** `alice@laptop (pid 812) since 12:03 UTC; the lease expires at 12:13 UTC` */
export function leaseText({ holder, since, expires }: Lease): string {
  return `${holder} since ${clock(since)}; the lease expires at ${clock(expires)}`;
}

/** Only the time of day where it is today's. */
function clock(iso: string): string {
  const today = new Date().toISOString().slice(0, 10);
  return `${iso.replace(`${today}T`, '').replace('T', ' ').slice(0, -8)} UTC`;
}
