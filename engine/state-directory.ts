/** The state directory of root on a host: owed restarts, journals, lease and history. Scripts call it `$r_base`. */
export const stateDirectory = '/var/lib/reconcile';
