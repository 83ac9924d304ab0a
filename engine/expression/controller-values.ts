import { Secret } from '../value.ts';
import type { Runtime } from './functions.ts';

let startedS = Math.floor(Date.now() / 1000);

/** Starts the clock of a run: at a time in seconds since 1970, such as that of the saved plan that it applies, or now. */
export function startClock(seconds = Math.floor(Date.now() / 1000)): void {
  startedS = seconds;
}

/** The values of the controller for expressions: the time of the run, and its environment, almost all of which is secret. */
export const runtime: Runtime = {
  now: () => startedS,
  env: name => {
    const value = process.env[name];
    return value === undefined || publicEnv.has(name) ? value : new Secret(value, `env.${name}`);
  },
};

/** The variables of the environment that are not secret. */
const publicEnv = new Set([
  'HOME',
  'USER',
  'LOGNAME',
  'PWD',
  'PATH',
  'SHELL',
  'LANG',
  'HOSTNAME',
  'TERM',
  'CI',
]);
