import { createHash } from 'node:crypto';
import type { Claims, Diff } from '../engine/module.ts';
import { anyOf, flag, listOf, oneOf, text, whole } from '../engine/module-kit/argument.ts';
import type { Given } from '../engine/module-kit/define-module.ts';
import { type Content, content, type PathState, path } from '../engine/probe.ts';
import type { Step } from '../engine/step.ts';
import { memoized } from '../engine/util/memoized.ts';
import { scriptBeside, withVariables } from '../engine/util/text-beside.ts';
import * as sources from './_apt-sources.ts';
import { type Keyring, readKeyring } from './_openpgp.ts';

const word = (description: string) => text(description, { pattern: '^\\S+$' });
const line = (description: string) => text(description, { pattern: '^[^\\n]*[^\\s][^\\n]*$' });
const fingerprint = text('Fingerprint of a key, in full.', {
  pattern: '^(?:[0-9A-Fa-f] *){40}$|^(?:[0-9A-Fa-f] *){64}$',
});

/** The arguments of `apt_repository`. */
export const args = {
  name: text('Name of the files below /etc/apt.', { pattern: '^[A-Za-z0-9][A-Za-z0-9_-]*$' }),
  types: listOf(
    oneOf(['deb', 'deb-src'], 'Packages, or their sources.'),
    'What the repository is used for.',
    {
      default: ['deb'],
      minItems: 1,
      uniqueItems: true,
    },
  ),
  uris: listOf(
    text('An address.', { pattern: '^[a-z][a-z0-9+.-]*:\\S+$' }),
    'Addresses of the repository. Required.',
    { minItems: 1 },
  ),
  suites: listOf(
    word('A suite.'),
    'Suites, such as `{{ facts.os.codename }}-backports`, or a path that ends in `/`. Required.',
    { minItems: 1 },
  ),
  components: listOf(word('A component.'), 'Components, such as `main`; none for a suite that is a path.'),
  architectures: listOf(word('An architecture.'), 'Architectures; by default those of the host.'),
  key: anyOf(
    [
      { type: 'string', pattern: '-----BEGIN PGP PUBLIC KEY BLOCK-----' },
      {
        type: 'object',
        properties: {
          url: text('Address from which the host fetches the key.', { pattern: '^(https?|file):\\S+$' }),
          fingerprint: anyOf(
            [fingerprint, listOf(fingerprint, 'Fingerprints.', { minItems: 1 })],
            'Its keys.',
          ),
        },
        required: ['url', 'fingerprint'],
        additionalProperties: false,
      },
    ],
    'Key that signs the repository: its text in ASCII armour, or a map of `url` and `fingerprint`. Several fingerprints stand for a file with as many keys.',
  ),
  src: text('A file beside the playbook with the key, in ASCII armour or not.', { minLength: 1 }),
  signed_by: text('Path of a keyring on the host.', { pattern: '^/\\S+$' }),
  enabled: flag('Whether apt uses the repository.', { default: true }),
  options: {
    type: 'object',
    propertyNames: { pattern: '^[A-Za-z][A-Za-z0-9-]*$' },
    additionalProperties: line('A value.'),
    description: 'Further fields of sources.list(5), such as `Check-Valid-Until`.',
  },
  pin: {
    type: 'object',
    properties: {
      priority: whole('Priority of apt_preferences(5).', { minimum: -32768, maximum: 32767 }),
      packages: listOf(word('A name or a glob.'), 'Packages; by default all.', {
        default: ['*'],
        minItems: 1,
      }),
      release: line('A release, such as `n=bookworm-backports`.'),
      origin: word('The host name of the repository.'),
      version: word('A version, such as `1.22.*`.'),
    },
    required: ['priority'],
    additionalProperties: false,
    description:
      'Priority of packages: a file in /etc/apt/preferences.d with one of `release`, `origin` and `version`.',
  },
  replaces: listOf(
    text('A file.', { pattern: '^/etc/apt/sources\\.list\\.d/[^/\\s]+\\.(list|sources)$' }),
    'Other files of the same repository in /etc/apt/sources.list.d, which are removed.',
  ),
  any_suite: flag('Whether a suite may belong to another release of Debian or Ubuntu than the host’s.', {
    default: false,
  }),
} as const;
export type Arguments = Given<typeof args, 'name'>;

export const sourcesFolder = '/etc/apt/sources.list.d';
export const sourceOf = (name: string) => `${sourcesFolder}/${name}.sources`;
export const keyOf = (name: string) => `/etc/apt/keyrings/${name}.gpg`;
export const pinOf = (name: string) => `/etc/apt/preferences.d/${name}`;
export const keyringOf = ({ name, signed_by }: Arguments) => signed_by ?? keyOf(name);

/** The fields of a source that have an argument, and those that let apt take unsigned or weakly signed packages. */
export const own = new Set([
  'types',
  'uris',
  'suites',
  'components',
  'architectures',
  'signed-by',
  'enabled',
]);
export const unsafe = /^(trusted|allow-.*)$/i;
export const ofSource = new Set([
  ...['types', 'uris', 'suites', 'components', 'architectures', 'signed_by', 'enabled'],
  ...['other fields', 'other stanzas'],
]);

export const ofKey = new Set(['key', 'content of the key']);

export const root = { owner: 'root', group: 'root', mode: '0644' } as const;

export interface Found {
  source?: Content | null;
  sourceAt?: PathState | null;
  keyring?: Content | null;
  keyringAt?: PathState | null;
  pin?: Content | null;
  pinAt?: PathState | null;
}

/** Returns the claims on each suite of an address: one file and one keyring for it. */
export function sourceClaims(args: Arguments): Claims {
  const { name, types, uris = [], suites = [], components = [], enabled } = args;
  const each = uris.flatMap(uri => suites.map(suite => `${suite} at ${sources.bareUri(uri)}`));
  const keyrings = each.map(one => [`the keyring of ${one}`, keyringOf(args)]);
  const files = each.flatMap(one =>
    types.flatMap(type => components.map(part => [`the file for ${type} ${part} of ${one}`, sourceOf(name)])),
  );
  return enabled ? Object.fromEntries([...keyrings, ...files]) : {};
}

export const ownProbes = (name: string, hasPin: boolean, hasKey: boolean) => ({
  source: content(sourceOf(name)),
  sourceAt: path(sourceOf(name)),
  keyring: hasKey ? content(keyOf(name)) : undefined,
  keyringAt: hasKey ? path(keyOf(name)) : undefined,
  pin: hasPin ? content(pinOf(name)) : undefined,
  pinAt: hasPin ? path(pinOf(name)) : undefined,
});

export const textIn = (file: Content | null | undefined): string => String(file?.bytes ?? '');
export const ringOf = (file: Content | null | undefined) => readKeyring(file?.bytes ?? '');

/** Returns the declared key, or a clause that says why it is none; undefined if the host fetches it or has it. */
export const givenKey = memoized(({ key, src, content: bytes }: Arguments): Keyring | string | undefined => {
  if (typeof key === 'string') return readKeyring(key);
  if (src === undefined || bytes === undefined) return undefined;
  return Buffer.isBuffer(bytes) ? readKeyring(bytes) : 'is too large for a key';
});

/** Returns the address and the sorted fingerprints of a key that the host fetches. */
export function fetchedKey({ key }: Arguments) {
  if (typeof key !== 'object') return undefined;
  const normal = [key.fingerprint].flat().map(each => each.replaceAll(' ', '').toUpperCase());
  return { url: key.url, fingerprints: [...new Set(normal)].toSorted() };
}

export const digestOf = ({ bytes }: Keyring) => createHash('sha256').update(bytes).digest('hex').slice(0, 12);
export const keysOf = ({ keys }: Keyring) => [...new Set(keys.map(each => each.fingerprint))].toSorted();

/** Returns the fingerprints on the host. gpgv, and with it apt until 2.8, reads no ASCII armour from a file `.gpg`. */
export const shownKeys = (ring: Keyring, nowS: number) =>
  ring.isArmoured
    ? keysOf(ring).map(each => `${each} in ASCII armour`)
    : [
        ...new Set(
          ring.keys.map(({ fingerprint, expiresS = Number.POSITIVE_INFINITY }) =>
            expiresS < nowS
              ? `${fingerprint}, expired ${new Date(expiresS * 1000).toISOString().slice(0, 10)}`
              : fingerprint,
          ),
        ),
      ].toSorted();

/** Returns the files with another owner or mode than apt's, which every account can read and only root can write. */
export const opened = ({ sourceAt, keyringAt, pinAt }: Found, { name }: Arguments): string[] =>
  [
    [sourceOf(name), sourceAt] as const,
    [keyOf(name), keyringAt] as const,
    [pinOf(name), pinAt] as const,
  ].flatMap(([at, state]) => {
    if (state?.type !== 'file' || (state.owner === 'root' && state.group === 'root' && state.mode === '0644'))
      return [];
    return [`${at} ${state.owner}:${state.group} ${state.mode}`];
  });

export const otherFields = (stanza: sources.Stanza = new Map()) =>
  [...stanza].flatMap(([name, value]) => (own.has(name) ? [] : [`${name}: ${value}`])).toSorted();

export const pinLine = (stanza: sources.Stanza) =>
  stanza.size === 0
    ? ''
    : `${sources.itemsOf(stanza.get('package')).join(' ')}: ${stanza.get('pin')}, ${stanza.get('pin-priority')}`;

export const renderOptions = ({ options = {} }: Arguments) =>
  Object.entries(options)
    .map(([field, value]) => `${field}: ${value}\n`)
    .join('');

export function render(args: Arguments): string {
  const { types, uris = [], suites = [], components = [], architectures = [], enabled } = args;
  const field = (name: string, items: readonly string[]) =>
    items.length > 0 ? `${name}: ${items.join(' ')}\n` : '';
  return [
    ...[field('Types', types), field('URIs', uris), field('Suites', suites), field('Components', components)],
    field('Architectures', architectures),
    field('Signed-By', [keyringOf(args)]),
    renderOptions(args),
    enabled ? '' : 'Enabled: no\n',
  ].join('');
}

export function renderPin({ pin }: Arguments): string {
  if (pin === undefined) return '';
  const { packages, release, origin, version, priority } = pin;
  const by =
    release === undefined
      ? origin === undefined
        ? `version ${version}`
        : `origin ${origin}`
      : `release ${release}`;
  return `Package: ${packages.join(' ')}\nPin: ${by}\nPin-Priority: ${priority}\n`;
}

/** Whether the repository is tried: not for a difference that is only of the pin, the other files or the attributes. */
export const isTried = ({ changes }: Diff): boolean =>
  changes.some(({ key }) => ofSource.has(key) || ofKey.has(key));

export function trial(args: Arguments, isNewKey: boolean, isFetched: boolean): Step {
  const { name, enabled, signed_by, replaces = [], components = [] } = args;
  const given = isNewKey ? givenKey(args) : undefined;
  const fetched = isFetched ? fetchedKey(args) : undefined;
  return {
    do: 'run',
    label: `${fetched ? `fetch the key from ${fetched.url} and ` : ''}try the source`,
    command: withVariables(trialScript, {
      name,
      stanza: render(args),
      replaces: replaces.map(file => file.replace(/^.*\//, '')).join(' '),
      key: typeof given === 'object' ? given.bytes.toString('base64') : '',
      url: fetched?.url,
      fingerprints: fetched?.fingerprints.join(' '),
      components: components.join(' '),
      fetches: enabled ? 'yes' : '',
    }),
    reads: signed_by === undefined ? [] : [signed_by],
    undo: {},
    touches: fetched ? [{ kind: 'below', path: keyOf(name) }] : [],
  };
}
const trialScript = scriptBeside(import.meta.url, './apt-source-trial.sh');

/** The names of the releases of Debian and Ubuntu. Every other suite is a vendor's own. */
const codenames =
  /^(buster|bullseye|bookworm|trixie|forky|duke|sid|bionic|focal|jammy|noble|oracular|plucky|questing|resolute)(?=[-/]|$)/;

export const isForeign = (suite: string, codename: string | undefined): boolean => {
  const own = codenames.exec(suite)?.[0];
  return own !== undefined && codename !== undefined && own !== codename;
};

/** Whether another source brings the same packages. */
export const isTwice = (other: sources.Source, { types, components = [] }: Arguments): boolean =>
  other.types.some(type => types.includes(type as 'deb')) &&
  (components.length === 0
    ? other.components.length === 0
    : components.some(one => other.components.includes(one)));
