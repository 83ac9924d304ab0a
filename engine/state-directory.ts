/** The state directory of root on a host: owed restarts, journals, lease and history. Scripts call it `$r_base`. */
export const stateDirectory = '/var/lib/reconcile';

/** The folder of root for what ends with the boot of a host. Scripts call it `$r_records`. */
export const bootDirectory = '/run/reconcile';

/** Returns the path of the note of a unit's owed work. The note of a reboot, which is owed to `host`, ends with any reboot. */
export const noteAt = (unit: string): string =>
  unit === 'host' ? `${bootDirectory}/owed.host` : `${stateDirectory}/owed/${encodeURIComponent(unit)}`;
