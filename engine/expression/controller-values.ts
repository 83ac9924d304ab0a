import { Secret } from '../value.ts';
import type { Runtime } from './functions.ts';

/** What expressions may ask of the controller: its environment, of which almost all counts as secret. */
export const runtime: Runtime = {
  env: name => {
    const value = process.env[name];
    return value === undefined || publicEnv.has(name) ? value : new Secret(value, `env.${name}`);
  },
};

/** Variables of the environment that are no secret to anybody. */
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
