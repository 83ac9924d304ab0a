import { flag, text, wholeText } from '../engine/module-kit/argument.ts';
import { defineModule, type Given } from '../engine/module-kit/define-module.ts';
import { pathClaims } from '../engine/module-kit/path-claims.ts';
import { textOf } from '../engine/module-kit/state-text.ts';
import { content, Missing, owed, path, program, type Readings } from '../engine/probe.ts';
import type { CheckedStep, Step, WriteStep } from '../engine/step.ts';
import { type Conditional, compact } from '../engine/util/defined.ts';
import { certificateOf, locationProblems, parts, reloadNginx, renderSite } from './_nginx.ts';

const whole = wholeText('Complete configuration of the site, in the syntax of Nginx.');

const args = {
  name: text('Name of the file in /etc/nginx/sites-available and of its link in sites-enabled.', {
    pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$',
  }),
  ...whole,
  ...parts,
  enabled: flag('Whether the site is linked into sites-enabled.', { default: true }),
} as const;
type Arguments = Given<typeof args, 'name'>;

const namesOf = <T extends object>(schemas: T) => Object.keys(schemas) as (keyof T & string)[];
const alternatives = { whole: namesOf(whole), built: namesOf(parts) };

const available = (name: string) => `/etc/nginx/sites-available/${name}`;
const enabledLink = (name: string) => `/etc/nginx/sites-enabled/${name}`;
// Not Nginx's unit: a service that reloads Nginx for other reasons neither reads nor pays this note.
const note = (name: string) => `nginx_site ${name}`;

export const nginx_site = defineModule({
  name: 'nginx_site',
  summary: 'A site of Nginx, validated together with all other sites before it is served.',
  args,
  required: ['name'],
  absent: 'removes its file as well as its link',
  examples: {
    'An application behind HTTPS': {
      name: 'app',
      server_names: ['example.com', 'www.example.com'],
      tls: { certificate: 'example.com' },
      locations: {
        '/static/': { alias: '/srv/app/static/', expires: '30d' },
        '/': { proxy_pass: 'http://unix:/run/app/gunicorn.sock' },
      },
    },
    'From a template': { name: 'app', template: 'nginx/app.conf.j2' },
    "Debian's default site disabled": { name: 'default', enabled: false },
  },
  files: { src: 'src', template: true },
  secrets: {
    in: [],
    instead:
      'Every account can read sites. Put the line into a `file` with mode "0600", and `include` that file.',
  },
  identity: ({ name }) => name,
  needs: ({ tls }) => (tls === undefined || tls.key !== undefined ? [] : [`certbot ${tls.certificate}`]),
  alternatives,
  together: [
    'An enabled site is whole (content, src or template), or has server_names and one of root and locations.',
  ],
  refine: args => {
    const { tls, server_names, locations, root, redirect_http, enabled } = args;
    const given = (names: readonly (keyof Arguments)[]) => names.some(name => args[name] !== undefined);
    const isBuilt = server_names !== undefined && (locations ?? root) !== undefined;
    const lacks = !given(alternatives.whole) && !isBuilt && (enabled || given(alternatives.built));
    const isPath = tls?.certificate.startsWith('/');
    return [
      lacks && {
        says: !given(alternatives.built)
          ? 'Give either the whole site, by content, src or template, or server_names and locations.'
          : `Give ${server_names === undefined ? 'server_names' : 'root or locations'} too, as for every site that is not given whole.`,
      },
      redirect_http !== undefined &&
        !tls && { at: 'redirect_http', says: 'Only a site with tls takes redirect_http.' },
      isPath && !tls?.key && { at: 'tls', says: 'The path in tls.certificate needs a path in tls.key too.' },
      tls?.key !== undefined &&
        !isPath && {
          at: 'tls',
          says: `With tls.key, tls.certificate must be a path, and "${tls.certificate}" is a name.`,
        },
      Object.entries(locations ?? {})
        .flatMap(locationProblems)
        .map(says => ({ at: 'locations', says })),
    ];
  },
  probes: args => {
    const needed = args.enabled && args.tls ? certificateOf(args.tls) : undefined;
    return {
      ...probes(args),
      'needs certificate': needed && content(needed.certificate),
      // Only the existence of a key matters, not its content.
      'needs key': needed && args.tls?.key !== undefined ? path(needed.key) : undefined,
    };
  },
  actual: (read, args) => (read.nginx === null ? noNginx : stateOf(read, args)),
  fresh: (args, read) =>
    args.name === 'default' ? { content: null, enabled: true, loaded: true } : stateOf(read, args),
  desired: args => {
    const bytes = bytesOf(args);
    return { content: bytes === undefined ? undefined : textOf(bytes), enabled: args.enabled, loaded: true };
  },
  obstacles: ({ tls }, read) => [
    read['needs certificate'] === null && {
      says: `The certificate ${tls?.certificate} does not exist.`,
      fix: 'Create it in an earlier resource, by `certbot`, `file` or `command`.',
      code: 'program-missing',
    },
    read['needs key'] === null && {
      says: `The key ${tls?.key} does not exist.`,
      fix: 'Create it in an earlier resource.',
    },
  ],
  owes: ({ name }) => ({ unit: note(name), action: 'reload', steps: [reloadNginx] }),
  steps: (diff, args) => {
    const [file, link] = [available(args.name), enabledLink(args.name)];
    const content = bytesOf(args);
    return tested([
      content !== undefined && diff.has('content') && { do: 'write', path: file, content },
      diff.has('enabled') &&
        (args.enabled ? { do: 'link', path: link, target: file } : { do: 'remove', path: link }),
    ]);
  },
  remove: ({ name }) => tested([enabledLink(name), available(name)].map(path => ({ do: 'remove', path }))),
  removal: {
    actual: (read: Read, args) => {
      const state = stateOf(read, args, true);
      return state !== null && read.nginx === null ? noNginx : state;
    },
    claims: ({ name }) => ({
      ...pathClaims(available(name), 'nothing'),
      ...pathClaims(enabledLink(name), 'nothing'),
    }),
  },
  claims: args => ({
    ...pathClaims(available(args.name), undefined, {}, () => bytesOf(args)),
    ...pathClaims(enabledLink(args.name), args.enabled ? 'link' : 'nothing'),
  }),
});

/** Returns the content of the file, or undefined if only the link is managed. */
const bytesOf = ({ name, content, server_names, ...site }: Arguments): WriteStep['content'] | undefined =>
  content ?? (server_names && renderSite(name, { ...site, server_names }));

const probes = ({ name }: Arguments) => ({
  nginx: program('nginx'),
  file: content(available(name)),
  link: path(enabledLink(name)),
  owed: owed(note(name)),
});
type Read = Readings<ReturnType<typeof probes>>;

/** Returns the state of the site, or null if its file is managed and nothing of the site exists. */
function stateOf(read: Omit<Read, 'nginx'>, args: Arguments, isManaged = bytesOf(args) !== undefined) {
  const { file, link, owed } = read;
  if (isManaged && file === null && link === null && owed.length === 0) return null;
  const isOwn = [available(args.name), `../sites-available/${args.name}`].includes(link?.target ?? '');
  const enabled = link !== null && (isOwn || 'as another file');
  return { ...(isManaged && { content: file }), enabled, loaded: owed.length === 0 };
}

const packages = ['nginx', 'nginx-light', 'nginx-full', 'nginx-core', 'nginx-extras'];
const noNginx = Missing.fromPackages('nginx', ...packages);

/** Returns the changes as one step, which Nginx validates together with all other sites. */
function tested(changes: Conditional<CheckedStep['steps'][number]>): Step[] {
  const [steps, by] = [compact(changes), ['nginx', '-t']];
  if (steps.length > 0) return [{ do: 'checked', steps, by }];
  return [{ do: 'run', command: by, undo: {}, touches: [] }];
}
