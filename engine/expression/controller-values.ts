import { Secret } from '../value.ts';
import type { Runtime } from './functions.ts';

/** The values of the controller for expressions: its environment, almost all of which counts as secret. */
export const runtime: Runtime = {
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
