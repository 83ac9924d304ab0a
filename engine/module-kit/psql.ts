/** Shell for the beginning of a `command` that runs `"$r_psql"`: it saves the start of Debian's wrapper where it can. */
export { psqlFunctions } from '../host-shell/shell-functions.ts';
