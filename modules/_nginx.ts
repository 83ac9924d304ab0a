import { anyOf, flag, listOf, text } from '../engine/module-kit/argument.ts';
import type { Given } from '../engine/module-kit/define-module.ts';
import type { Schema } from '../engine/schema-types.ts';
import type { RunStep } from '../engine/step.ts';
import { compact } from '../engine/util/defined.ts';
import { scriptBeside } from '../engine/util/text-beside.ts';

type Scalar = string | number | boolean;
/** Parameters of a directive: text as Nginx reads it, a list repeats the directive, a map gives names and values. */
type Parameters = Scalar | readonly Scalar[] | Readonly<Record<string, Scalar>>;
/** The directives of a block in the order in which they are written. */
type Directives = Readonly<Record<string, Parameters>>;

/** The folder that answers for certificates: certbot's webroot, in Debian's default site too. */
export const acmeRoot = '/var/www/html';

/** What a site is made of. */
export const parts = {
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
type Site = Given<typeof parts, 'server_names'>;

/** Where the certificate and its key are; without a key it is one of certbot's, by its name. */
export function certificateOf({ certificate, key }: NonNullable<Site['tls']>) {
  if (key !== undefined) return { certificate, key };
  const live = `/etc/letsencrypt/live/${certificate}`;
  return { certificate: `${live}/fullchain.pem`, key: `${live}/privkey.pem` };
}

const reload = scriptBeside(import.meta.url, './nginx-reload.sh');

/** Loads the sites, if Nginx runs at all, and waits until the processes of before serve no more. */
export const reloadNginx: RunStep = {
  do: 'run',
  label: 'systemctl reload nginx.service',
  command: reload,
  undo: { after: reload },
  touches: [],
};

const proxyHeaders = {
  Host: '$host',
  'X-Real-IP': '$remote_addr',
  'X-Forwarded-For': '$proxy_add_x_forwarded_for',
  'X-Forwarded-Proto': '$scheme',
};
const proxyDefaults: Directives = {
  proxy_http_version: '1.1',
  proxy_set_header: proxyHeaders,
  proxy_read_timeout: '90s',
  proxy_connect_timeout: '90s',
};

/** A site's configuration file. */
export function renderSite(name: string, site: Site): string {
  const { root, extra, client_max_body_size: limit } = site;
  const tls = site.tls && certificateOf(site.tls);
  const body = compact<string[]>([
    limit !== undefined && [[`client_max_body_size ${limit};`]],
    root !== undefined && [[`root ${quoted(root)};`, 'index index.html;']],
    Object.entries(site.locations ?? {}).map(location),
    extra !== undefined && [extra.trimEnd().split('\n')],
  ]);
  const names = `server_name ${site.server_names.join(' ')};`;
  const ports = site.listen?.length ? site.listen : [tls ? 443 : 80];
  const file = (servers: string[][][]) =>
    `# Written by reconcile (nginx_site ${name}): change the playbook, not this file.\n\n${servers.map(server).join('\n')}`;
  if (!tls) return file([[[...listens(ports), names], ...body]]);

  const [http, https] = [listens([80]), listens(ports, 'ssl')];
  const certificate = [
    `ssl_certificate ${quoted(tls.certificate)};`,
    `ssl_certificate_key ${quoted(tls.key)};`,
    'ssl_protocols TLSv1.2 TLSv1.3;',
  ];
  const challenge = location(['/.well-known/acme-challenge/', { root: acmeRoot }]);
  const redirect = location(['/', { return: '301 https://$host$request_uri' }]);
  return site.redirect_http === false
    ? file([[[...http, ...https, names], certificate, challenge, ...body]])
    : file([
        [[...http, names], challenge, redirect],
        [[...https, names], certificate, ...body],
      ]);
}

const server = (parts: string[][]): string =>
  `server {\n${parts.map(lines => indent(lines).join('\n')).join('\n\n')}\n}\n`;

const indent = (lines: string[]): string[] => lines.map(line => (line === '' ? '' : `    ${line}`));

// A bare port is for IPv4 and IPv6, which are two sockets to Nginx.
const listens = (ports: readonly (number | string)[], flag = ''): string[] =>
  ports
    .flatMap(port => (/^[0-9]+$/.test(`${port}`) ? [`${port}`, `[::]:${port}`] : `${port}`))
    .map(address => (flag === '' || address.split(' ').includes(flag) ? address : `${address} ${flag}`))
    .map(address => `listen ${address};`);

function location([path, given]: [string, Directives]): string[] {
  const headers = given['proxy_set_header'];
  const merged = isMap(headers) && { proxy_set_header: { ...proxyHeaders, ...headers } };
  const { proxy_pass, ...rest } = given;
  const directives = proxy_pass === undefined ? given : { proxy_pass, ...proxyDefaults, ...rest, ...merged };
  return [`location ${path} {`, ...indent(Object.entries(directives).flatMap(directive)), '}'];
}

const directive = ([name, value]: [string, Parameters]): string[] =>
  isMap(value)
    ? Object.entries(value).map(([key, text]) => `${name} ${key} ${quoted(parameter(text))};`)
    : [value].flat().map(one => `${name} ${parameter(one)};`);

const parameter = (value: Scalar): string =>
  typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value);

const isMap = (value: Parameters | undefined): value is Readonly<Record<string, Scalar>> =>
  typeof value === 'object' && !Array.isArray(value);

const quoted = (text: string): string =>
  text === '' || /[\s;{}"'#\\]/.test(text) ? `"${text.replace(/["\\]/g, '\\$&')}"` : text;

/** What Nginx would read otherwise than it was meant; a sentence each. */
export function locationProblems([path, directives]: [string, Directives]): string[] {
  const { alias } = directives;
  const [has, lacks] = path.endsWith('/') ? ['location', 'alias'] : ['alias', 'location'];
  return compact([
    /^[^~"]*[;{}]/.test(path) && `the location "${path}" has a ; or a brace, which ends it for Nginx`,
    Object.entries(directives).flatMap(([name, value]) =>
      (isMap(value) ? [] : [value].flat().map(String))
        .filter(text => /[;{}\n]/.test(text.replace(/"(\\.|[^"\\])*"|'(\\.|[^'\\])*'|\$\{\w+\}/g, '')))
        .map(text => `${name} in the location "${path}" has a ; or a brace outside quotes: "${text}"`),
    ),
    typeof alias === 'string' &&
      !path.startsWith('~') &&
      path.endsWith('/') !== alias.endsWith('/') &&
      `the ${has} ends with a slash but the ${lacks} does not, so Nginx would look for other files: location "${path}", alias "${alias}"`,
  ]);
}
