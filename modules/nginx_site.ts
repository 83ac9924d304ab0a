import { anyOf, defined, flag, listOf, text, wholeText } from '../engine/argument.ts';
import { defineModule, type Given } from '../engine/define-module.ts';
import type { State } from '../engine/module.ts';
import { pathClaims } from '../engine/path-claims.ts';
import { textOf } from '../engine/plan/diff.ts';
import {
  type Content,
  content,
  Missing,
  type Owed,
  owed,
  type PathState,
  path,
  program,
} from '../engine/probe.ts';
import type { Schema } from '../engine/schema-types.ts';
import type { CheckedStep, Step } from '../engine/step.ts';
import { acmeRoot, type Directives, locationProblems, reloadNginx, renderSite } from './_nginx.ts';

const whole = wholeText('The whole site as Nginx reads it.');
const parts = {
  server_names: listOf({ type: 'string', pattern: '^[^\\s;{}]+$' }, 'The names that the site answers to.', {
    minItems: 1,
  }),
  // The type is said, not inferred: what a directive may be given is too deep for the compiler.
  locations: {
    type: 'object',
    additionalProperties: { type: 'object' },
    description:
      "Path → Nginx's directives. A list repeats a directive, a map gives names and values (`add_header: {Cache-Control: no-store}`). `proxy_pass` brings the usual proxy headers, HTTP/1.1 and timeouts of 90 s unless they are given.",
  } as Schema as { readonly const: Readonly<Record<string, Directives>> },
  listen: listOf(
    anyOf([{ type: 'integer' }, { type: 'string' }], 'A port, or more.'),
    'Ports (IPv4 and IPv6) or whole listen parameters; default 80, or 443 with tls.',
  ),
  root: text('Folder of static files.', { pattern: '^/' }),
  tls: {
    type: 'object',
    properties: {
      certificate: text('Name of a certificate of certbot, or with `key` the path of a file.'),
      key: text('Path of the private key.', { pattern: '^/' }),
    },
    required: ['certificate'],
    additionalProperties: false,
    description: 'Serves the site over HTTPS, by TLS 1.2 and 1.3.',
  },
  redirect_http: flag(
    `Whether, with \`tls\`, HTTP does nothing but redirect to HTTPS and answer for certificates from ${acmeRoot}; it does unless this is false.`,
  ),
  client_max_body_size: text('Largest request body, e.g. `20m`.'),
  extra: text('More configuration for the server block, as Nginx reads it.'),
} as const;

const its = {
  name: text('Name of the file in /etc/nginx/sites-available and of its link in sites-enabled.', {
    pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$',
  }),
  ...whole,
  ...parts,
  enabled: flag('Whether the site is linked into sites-enabled.', { default: true }),
} as const;
type Arguments = Given<typeof its, 'name'>;

const namesOf = <T extends object>(schemas: T) => Object.keys(schemas) as (keyof T & string)[];
const alternatives = { whole: namesOf(whole), built: namesOf(parts) };

const available = (name: string) => `/etc/nginx/sites-available/${name}`;
const enabledLink = (name: string) => `/etc/nginx/sites-enabled/${name}`;
// A note of its own: a service that reloads Nginx for its own reasons neither sees nor pays it.
const note = (name: string) => `nginx_site ${name}`;
const nginxTest = ['nginx', '-t'];

function certificateOf(tls: Arguments['tls']): { certificate: string; key: string } | undefined {
  if (tls === undefined) return undefined;
  const { certificate, key } = tls;
  const live = `/etc/letsencrypt/live/${certificate}`;
  return key === undefined
    ? { certificate: `${live}/fullchain.pem`, key: `${live}/privkey.pem` }
    : { certificate, key };
}

function enabledness(link: PathState | null, name: string): boolean | string {
  if (link === null) return false;
  return link.target === available(name) || link.target === `../sites-available/${name}` || 'as another file';
}

/** The file's content; undefined where only the link is managed. */
function bytesOf({ content, server_names, ...args }: Arguments): string | Buffer | undefined {
  if (content !== undefined || server_names === undefined) return content;
  return renderSite({ ...args, server_names, tls: certificateOf(args.tls) });
}

interface SiteReadings {
  nginx: string | null;
  file: Content | null;
  link: PathState | null;
  owed: Owed[];
}

/** Only the link of a site whose content is not managed is a part of its state. */
function stateOf({ nginx, file, link, owed }: SiteReadings, name: string, isManaged: boolean) {
  if (nginx === null) return new Missing('nginx', packages);
  const loaded = owed.length === 0;
  if (isManaged && file === null && link === null && loaded) return null;
  return { ...(isManaged && { content: file }), enabled: enabledness(link, name), loaded } satisfies State;
}

/** What the certificate and its key are read as; of a key only that it is there. */
function needs({ tls, enabled }: Arguments) {
  const at = enabled ? certificateOf(tls) : undefined;
  return defined({
    'needs certificate': at && content(at.certificate),
    'needs key': at && tls?.key !== undefined ? path(at.key) : undefined,
  });
}

const packages = ['nginx', 'nginx-light', 'nginx-full', 'nginx-core', 'nginx-extras'].map(
  name => `package:${name}`,
);

export const nginx_site = defineModule({
  name: 'nginx_site',
  summary: 'A site of Nginx, checked together with all the others before it is served.',
  args: its,
  required: ['name'],
  absent: 'removes its file as well as its link',
  examples: [
    {
      title: 'An application behind HTTPS',
      args: {
        name: 'app',
        server_names: ['example.com', 'www.example.com'],
        tls: { certificate: 'example.com' },
        locations: {
          '/static/': { alias: '/srv/app/static/', expires: '30d' },
          '/': { proxy_pass: 'http://unix:/run/app/gunicorn.sock' },
        },
      },
    },
    { title: 'From a template', args: { name: 'app', template: 'nginx/app.conf.j2' } },
    { title: "Debian's default site is off", args: { name: 'default', enabled: false } },
  ],
  files: { src: true, template: true },
  secrets: {
    in: [],
    instead:
      'Sites can be read by every account. Put the line into a `file` with mode "0600", and `include` that.',
  },
  identity: ({ name }) => name,
  needs: ({ tls }) => (tls === undefined || tls.key !== undefined ? [] : [`certbot ${tls.certificate}`]),
  alternatives,
  refine: args => {
    const { tls, locations = {} } = args;
    const given = (names: readonly (keyof Arguments)[]) => names.some(name => args[name] !== undefined);
    const isBuilt = args.server_names !== undefined && (args.locations ?? args.root) !== undefined;
    return [
      ...(!given(alternatives.whole) && !isBuilt && (args.enabled || given(alternatives.built))
        ? [
            {
              says: 'give the site either whole, by content, src or template, or by server_names and locations',
            },
          ]
        : []),
      ...(tls === undefined && args.redirect_http !== undefined
        ? [{ at: 'redirect_http', says: 'redirect_http is about a site with tls' }]
        : []),
      ...(tls?.certificate.startsWith('/') && tls.key === undefined
        ? [{ at: 'tls', says: 'tls.certificate is a path, so tls.key has to be given as well' }]
        : []),
      ...(tls?.key !== undefined && !tls.certificate.startsWith('/')
        ? [
            {
              at: 'tls',
              says: `tls.key is for a certificate given as a path, and "${tls.certificate}" is a name`,
            },
          ]
        : []),
      ...Object.entries(locations)
        .flatMap(([path, directives]) => locationProblems(path, directives))
        .map(says => ({ at: 'locations', says })),
    ];
  },
  probes: args => ({
    nginx: program('nginx'),
    file: content(available(args.name)),
    link: path(enabledLink(args.name)),
    owed: owed(note(args.name)),
    ...needs(args),
  }),
  actual: (read, args) => stateOf(read, args.name, bytesOf(args) !== undefined),
  fresh: args => {
    if (args.name === 'default') return { content: null, enabled: true, loaded: true };
    return bytesOf(args) === undefined ? { enabled: false, loaded: true } : null;
  },
  desired: args => {
    const bytes = bytesOf(args);
    return { ...defined({ content: bytes && textOf(bytes) }), enabled: args.enabled, loaded: true };
  },
  obstacles: ({ tls }, read) => [
    ...(read['needs certificate'] === null
      ? [
          {
            says: `The certificate ${tls?.certificate} is not there.`,
            fix: 'Put the `certbot`, `file` or `command` that brings it before the site.',
            code: 'program-missing' as const,
          },
        ]
      : []),
    ...(read['needs key'] === null
      ? [
          {
            says: `The key ${tls?.key} is not there.`,
            fix: 'Put the resource that brings it before the site.',
          },
        ]
      : []),
  ],
  steps: (diff, args, _read, context) => {
    const [file, link] = [available(args.name), enabledLink(args.name)];
    const bytes = bytesOf(args);
    const changes: CheckedStep['steps'][number][] = [];
    if (bytes !== undefined && diff.has('content')) changes.push({ do: 'write', path: file, content: bytes });
    if (diff.has('enabled'))
      changes.push(args.enabled ? { do: 'link', path: link, target: file } : { do: 'remove', path: link });
    return loaded(args.name, changes, context.name);
  },
  remove: ({ name }, _read, context) =>
    loaded(
      name,
      [enabledLink(name), available(name)].map(path => ({ do: 'remove', path })),
      context.name,
    ),
  removal: {
    actual: (read: SiteReadings, { name }) =>
      read.file === null && read.link === null && read.owed.length === 0 ? null : stateOf(read, name, true),
    claims: ({ name }) => ({
      ...pathClaims(available(name), 'nothing'),
      ...pathClaims(enabledLink(name), 'nothing'),
    }),
  },
  claims: args => {
    const [file, link] = [available(args.name), enabledLink(args.name)];
    return {
      ...pathClaims(file, undefined, {}, () => bytesOf(args)),
      ...pathClaims(link, args.enabled ? 'link' : 'nothing'),
    };
  },
});

/** Changes that are checked with all sites and then loaded. */
const loaded = (name: string, changes: CheckedStep['steps'], because: string): Step[] => [
  { do: 'owe', unit: note(name), action: 'reload', because },
  changes.length > 0
    ? { do: 'checked', steps: changes, by: nginxTest }
    : { do: 'run', command: nginxTest, undo: {}, touches: [] },
  reloadNginx,
  { do: 'pay', unit: note(name) },
];
