import { lstatSync, readdirSync, readFileSync } from 'node:fs';

/**
 * How an apply is cut off: its controller is killed, its connection breaks, the network stays away until the run gives
 * up, the shell on the host is killed, the host loses its power, or both lose it.
 */
export type Means = 'controller' | 'connection' | 'network' | 'shell' | 'power' | 'blackout';

/** A host's files while an apply is going on, seen from outside; what cannot be read is not there. */
export interface Look {
  exists(path: string): boolean;
  /** The names in a directory. */
  names(path: string): string[];
  text(path: string): string;
  /** Which part of the packages that the whole apply brings is unpacked, 0 to 1. */
  unpacked(): number;
}

/** Where an apply is cut off. */
export interface Cut {
  /** The resource that comes or runs next. */
  resource: string;
  /** The state of the host at that instant; before = the resource has not begun. */
  at: string;
  /** Left out for the boundary before the resource. */
  holds?: (look: Look) => boolean;
  means: Means;
  /** Where the apply begins: the last resource that is done; the packages of `somePackages` count as one. */
  from?: 'blank' | 'some packages';
  /** Whether `npm test` tries it, too. */
  quick: boolean;
}

/** Files of a host, by a directory of this machine that holds them. */
export function lookInto(root: string, unpacked: () => number): Look {
  const read = <T>(action: () => T, otherwise: T): T => {
    try {
      return action();
    } catch {
      return otherwise;
    }
  };
  return {
    // A link's target is another file here than on the host.
    exists: path => read(() => lstatSync(root + path), undefined) !== undefined,
    names: path => read(() => readdirSync(root + path), []),
    text: path => read(() => readFileSync(root + path, 'utf8'), ''),
    unpacked,
  };
}

type Place = [resource: string, at: string, holds: NonNullable<Cut['holds']>, ...means: (Means | Quick)[]];
type Quick = `${Means}, quick`;

/** The steps of a resource are being done. */
const begun = ({ names, exists }: Look) =>
  names('/run/reconcile').some(
    name => exists(`/run/reconcile/${name}/of`) && !exists(`/run/reconcile/${name}/end`),
  );
/** A download from nearby is in `partial` only for an instant. */
const fetching = ({ names, unpacked }: Look) =>
  names('/var/cache/apt/archives/partial').length > 0 ||
  (names('/var/cache/apt/archives').some(name => name.endsWith('.deb')) && unpacked() < 0.1);
const there = (path: string) => (look: Look) => look.exists(path);
const has = (path: string, words: string) => (look: Look) => look.text(path).includes(words);
const venv = '/srv/flaskapp/venv';

/** Places inside the resources of playbooks/flask.yml, each with the means to try there. */
const insides: readonly Place[] = [
  [
    'System packages',
    'apt fetches its lists',
    look => look.names('/var/lib/apt/lists/partial').length > 0,
    'power',
    'shell',
  ],
  ['System packages', 'apt fetches packages', fetching, 'controller', 'power'],
  ['System packages', 'dpkg has unpacked a tenth', look => look.unpacked() > 0.1, 'connection', 'shell'],
  ['System packages', 'dpkg has unpacked half', look => look.unpacked() > 0.5, 'power', 'controller'],
  [
    'System packages',
    'dpkg has unpacked nine tenths',
    look => look.unpacked() > 0.9,
    'shell',
    'power, quick',
  ],
  [
    'System packages',
    'PostgreSQL makes its cluster',
    look => look.names('/etc/postgresql').length > 0,
    'power',
    'controller, quick',
  ],
  ['Database role', 'it has begun', begun, 'power', 'shell'],
  ['Database', 'it has begun', begun, 'controller, quick', 'power'],
  ['Database privileges', 'it has begun', begun, 'shell', 'connection'],
  ['Database logins by password', 'it has begun', begun, 'power, quick', 'shell'],
  ['App code', 'it has begun', begun, 'power', 'controller'],
  ['Python packages', 'it has begun', begun, 'shell', 'connection'],
  ['Python packages', 'the environment is made', there(`${venv}/pyvenv.cfg`), 'power', 'controller'],
  ['Python packages', 'Gunicorn is installed', there(`${venv}/bin/gunicorn`), 'power', 'network'],
  ['App environment', 'it has begun', begun, 'controller', 'power'],
  ['Log directory', 'it has begun', begun, 'connection', 'shell'],
  ['App unit', 'it has begun', begun, 'shell, quick', 'power'],
  ['App service', 'it has begun', begun, 'connection, quick', 'power'],
  ['App service', 'it settles', there('/run/flaskapp/gunicorn.sock'), 'controller', 'shell'],
  ['Certificate', 'Certbot has an account', there('/etc/letsencrypt/accounts'), 'controller', 'connection'],
  [
    'Certificate',
    'Nginx answers the challenge',
    has('/etc/nginx/nginx.conf', 'challenge'),
    'power',
    'shell, quick',
  ],
  [
    'Certificate',
    'the certificate is there',
    there('/etc/letsencrypt/live/example.com'),
    'connection, quick',
    'power',
  ],
  ['Default site', 'it has begun', begun, 'power', 'controller'],
  ['Site', 'it has begun', begun, 'connection', 'controller'],
  [
    'Site',
    'its file is written',
    there('/etc/nginx/sites-available/flaskapp'),
    'controller, quick',
    'network',
  ],
  ['Site', 'it is enabled', there('/etc/nginx/sites-enabled/flaskapp'), 'power, quick', 'shell'],
];

const rotation: readonly Means[] = ['controller', 'connection', 'shell', 'power', 'blackout'];

/** Two means at the boundary before each resource, and all places inside; those of a resource together. */
export function everyCut(resources: readonly string[]): Cut[] {
  return resources.flatMap((resource, i): Cut[] => {
    const before = [0, 2].map(
      (shift): Cut => ({
        resource,
        at: 'before',
        means: rotation[(i + shift) % rotation.length]!,
        quick: false,
      }),
    );
    const inside = insides
      .filter(([name]) => name === resource)
      .flatMap(([, at, holds, ...means]) => means.map(each => cutAt(resource, at, holds, each)));
    return [...before, ...inside];
  });
}

function cutAt(resource: string, at: string, holds: NonNullable<Cut['holds']>, means: Means | Quick): Cut {
  const [kind, quick] = means.split(', ') as [Means, 'quick'?];
  const from = quick && resource === 'System packages' ? ({ from: 'some packages' } as const) : {};
  return { resource, at, holds, means: kind, quick: quick !== undefined, ...from };
}
