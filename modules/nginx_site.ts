import { defineModule } from '../engine/define-module.ts';
import type { State } from '../engine/module.ts';
import { textOf } from '../engine/plan/diff.ts';
import {
  type Content,
  content,
  Missing,
  type Owed,
  owed,
  type PathState,
  type Probe,
  path,
  program,
} from '../engine/probe.ts';
import type { CheckedStep, Step } from '../engine/step.ts';
import { pathClaims } from './_files.ts';
import { acmeRoot, type Directives, locationProblems, reloadNginx, renderSite } from './_nginx.ts';

interface Source {
  name: string;
  content?: string | Buffer;
  src?: string;
  template?: string;
  server_names?: string[];
  locations?: Record<string, Directives>;
  listen?: (number | string)[];
  root?: string;
  tls?: { certificate: string; key?: string };
  redirect_http: boolean;
  client_max_body_size?: string;
  extra?: string;
  state: 'present' | 'absent';
}

const available = (name: string) => `/etc/nginx/sites-available/${name}`;
const enabledLink = (name: string) => `/etc/nginx/sites-enabled/${name}`;
// A note of its own: a service that reloads Nginx for its own reasons neither sees nor pays it.
const note = (name: string) => `nginx_site ${name}`;
const nginxTest = ['nginx', '-t'];

function certificateOf({ tls }: Source): { certificate: string; key: string } | undefined {
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
function bytesOf(args: unknown): string | Buffer | undefined {
  const source = args as Source;
  if (source.content !== undefined || source.server_names === undefined) return source.content;
  const { root, client_max_body_size, extra } = source;
  const tls = certificateOf(source);
  return renderSite({
    name: source.name,
    serverNames: source.server_names,
    locations: source.locations ?? {},
    listen: source.listen ?? [],
    redirectHttp: source.redirect_http,
    ...(root === undefined ? {} : { root }),
    ...(tls === undefined ? {} : { tls }),
    ...(client_max_body_size === undefined ? {} : { clientMaxBodySize: client_max_body_size }),
    ...(extra === undefined ? {} : { extra }),
  });
}

interface SiteReadings {
  file: Content | null;
  link: PathState | null;
  owed: Owed[];
}

function stateOf(read: SiteReadings, args: unknown): State | null {
  const { name, state } = args as Source;
  const managed = bytesOf(args) !== undefined || state === 'absent';
  const loaded = read.owed.length === 0;
  if (read.file === null && read.link === null && loaded && managed) return null;
  return { ...(managed ? { content: read.file } : {}), enabled: enabledness(read.link, name), loaded };
}

export const nginx_site = defineModule({
  name: 'nginx_site',
  summary: 'A site of Nginx, checked together with all the others before it is served.',
  args: {
    type: 'object',
    properties: {
      name: {
        type: 'string',
        pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$',
        description: 'Name of the file in /etc/nginx/sites-available and of its link in sites-enabled.',
      },
      content: { type: 'string', description: 'The whole site as Nginx reads it.' },
      src: { type: 'string', description: 'A file beside the playbook with the whole site.' },
      template: { type: 'string', description: 'A template beside the playbook that gives the whole site.' },
      server_names: {
        type: 'array',
        items: { type: 'string', pattern: '^[^\\s;{}]+$' },
        minItems: 1,
        description: 'The names that the site answers to.',
      },
      locations: {
        type: 'object',
        additionalProperties: true,
        description:
          "Path → Nginx's directives. A list repeats a directive, a map gives names and values (`add_header: {Cache-Control: no-store}`). `proxy_pass` brings the usual proxy headers, HTTP/1.1 and timeouts of 90 s unless they are given.",
      },
      listen: {
        type: 'array',
        items: { anyOf: [{ type: 'integer' }, { type: 'string' }] },
        description: 'Ports (IPv4 and IPv6) or whole listen parameters; default 80, or 443 with tls.',
      },
      root: { type: 'string', pattern: '^/', description: 'Folder of static files.' },
      tls: {
        type: 'object',
        properties: {
          certificate: {
            type: 'string',
            description: 'Name of a certificate of certbot, or with `key` the path of a file.',
          },
          key: { type: 'string', pattern: '^/', description: 'Path of the private key.' },
        },
        required: ['certificate'],
        additionalProperties: false,
        description: 'Serves the site over HTTPS, by TLS 1.2 and 1.3.',
      },
      redirect_http: {
        type: 'boolean',
        default: true,
        description: `Whether, with \`tls\`, HTTP does nothing but redirect to HTTPS and answer for certificates from ${acmeRoot}.`,
      },
      client_max_body_size: { type: 'string', description: 'Largest request body, e.g. `20m`.' },
      extra: { type: 'string', description: 'More configuration for the server block, as Nginx reads it.' },
      enabled: {
        type: 'boolean',
        default: true,
        description: 'Whether the site is linked into sites-enabled.',
      },
      state: {
        enum: ['present', 'absent'],
        default: 'present',
        description: 'Whether the site exists; `absent` removes its file as well as its link.',
      },
    },
    required: ['name'],
    additionalProperties: false,
  },
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
  refine: args => {
    const { content, src, template, server_names, locations, root, tls } = args as unknown as Source;
    if (args.state === 'absent') return [];
    const problems: string[] = [];
    const whole = content !== undefined || src !== undefined || template !== undefined;
    const built = server_names !== undefined && (locations !== undefined || root !== undefined);
    if (args.enabled ? whole === built : whole && built)
      problems.push(
        'give the site either whole, by content, src or template, or by server_names and locations',
      );
    if (tls?.certificate.startsWith('/') && tls.key === undefined)
      problems.push('tls.certificate is a path, so tls.key has to be given as well');
    if (tls?.key !== undefined && !tls.certificate.startsWith('/'))
      problems.push(`tls.key is for a certificate given as a path, and "${tls.certificate}" is a name`);
    return [
      ...problems,
      ...Object.entries(locations ?? {}).flatMap(([at, given]) => locationProblems(at, given)),
    ];
  },
  probes: args => {
    const tls = certificateOf(args as unknown as Source);
    const probes = {
      nginx: program('nginx'),
      file: content(available(args.name)),
      link: path(enabledLink(args.name)),
      owed: owed(note(args.name)),
    };
    type Certificate = { certificate: Probe<Content | null> };
    return { ...probes, ...(tls && { certificate: content(tls.certificate) }) } as typeof probes &
      Certificate;
  },
  actual: (read, args) => {
    const { name } = args;
    const loaded = read.owed.length === 0;
    if (args.state === 'absent' && read.file === null && read.link === null && loaded && name !== 'default')
      return null;
    if (read.nginx === null) return new Missing('nginx', ['package:nginx*']);
    const { tls } = args as unknown as Source;
    if (read.certificate === null && tls !== undefined && args.state === 'present' && args.enabled) {
      const token = `${tls.key === undefined ? 'certificate' : 'path'}:${tls.certificate}`;
      return new Missing(`the certificate ${tls.certificate}`, [token]);
    }
    return stateOf(read, args);
  },
  desired: args => {
    if (args.state === 'absent') return null;
    const bytes = bytesOf(args);
    return { ...(bytes === undefined ? {} : { content: textOf(bytes) }), enabled: args.enabled, loaded: true };
  },
  predict: (args, _tokens, read) => {
    // Only the certificate was missing: the site itself is as it was read.
    if (read.nginx) return stateOf(read as SiteReadings, args);
    if (args.name === 'default') return { content: null, enabled: true, loaded: true };
    return bytesOf(args) === undefined ? { enabled: false, loaded: true } : null;
  },
  steps: (diff, args, _read, context) => {
    const file = available(args.name);
    const link = enabledLink(args.name);
    const bytes = bytesOf(args);
    const changes: CheckedStep['steps'][number][] = [];
    if (diff.kind === 'remove') changes.push({ do: 'remove', path: link }, { do: 'remove', path: file });
    if (bytes !== undefined && diff.has('content')) changes.push({ do: 'write', path: file, content: bytes });
    if (diff.kind !== 'remove' && diff.has('enabled'))
      changes.push(args.enabled ? { do: 'link', path: link, target: file } : { do: 'remove', path: link });
    const change: Step =
      changes.length > 0
        ? { do: 'checked', steps: changes, by: nginxTest }
        : { do: 'run', command: nginxTest, undo: {} };
    return [
      { do: 'owe', unit: note(args.name), action: 'reload', because: context.name },
      change,
      reloadNginx,
      { do: 'pay', unit: note(args.name) },
    ];
  },
  claims: args => {
    const [file, link] = [available(args.name), enabledLink(args.name)];
    if (args.state === 'absent') return { ...pathClaims(file, 'nothing'), ...pathClaims(link, 'nothing') };
    return {
      ...pathClaims(file, undefined, {}, () => bytesOf(args)),
      ...pathClaims(link, args.enabled ? 'link' : 'nothing'),
    };
  },
  brings: args => {
    const bytes = bytesOf(args);
    return bytes === undefined
      ? []
      : [{ token: `path:${available(args.name)}`, content: Buffer.from(bytes) }];
  },
});
