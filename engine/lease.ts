/** The lease of a host and its holder. Times in ISO 8601, UTC, by the host's clock. A damaged lease has none. */
export interface Lease {
  holder: string;
  since?: string;
  expires?: string;
}

/** A lease that cannot be read. The host is held until it is released. */
export const damagedLease: Lease = { holder: 'an unknown run, because its lease is damaged' };

/** `alice@laptop (pid 812) since 12:03 UTC; the lease expires at 12:13 UTC` */
export function leaseText({ holder, since, expires }: Lease): string {
  if (since === undefined || expires === undefined) return holder;
  return `${holder} since ${clock(since)}; the lease expires at ${clock(expires)}`;
}

/** Returns the time in UTC, without its date if that is today. */
function clock(iso: string): string {
  const today = new Date().toISOString().slice(0, 10);
  return `${iso.replace(`${today}T`, '').replace('T', ' ').slice(0, -8)} UTC`;
}
