import { anyOf, flag, listOf, text } from '../engine/module-kit/argument.ts';
import type { Given } from '../engine/module-kit/define-module.ts';
import type { Schema } from '../engine/schema-types.ts';
import type { RunStep } from '../engine/step.ts';
import { compact } from '../engine/util/defined.ts';
import { scriptBeside } from '../engine/util/text-beside.ts';

type Scalar = string | number | boolean;
/** Parameters of a directive: a text in Nginx's syntax, a list that repeats the directive, or a map of names to values. */
type Parameters = Scalar | readonly Scalar[] | Readonly<Record<string, Scalar>>;
/** The directives of a block, in the order of the file. */
type Directives = Readonly<Record<string, Parameters>>;

/** The folder of the answers to ACME challenges: certbot's webroot, and the root of Debian's default site. */
export const acmeRoot = '/var/www/html';

/** The arguments that describe a site by its parts. */
export const parts = {
  server_names: listOf({ type: 'string', pattern: '^[^\\s;{}]+$' }, 'Host names of the site.', {
    minItems: 1,
  }),
  // The type is stated, not inferred: the parameters of directives nest too deeply for the compiler.
  locations: {
    type: 'object',
    additionalProperties: { type: 'object' },
    description:
      "Path → Nginx's directives. A list repeats a directive, a map gives names and values (`add_header: {Cache-Control: no-store}`). `proxy_pass` adds the usual proxy headers, HTTP/1.1 and timeouts of 90 s unless they are given.",
  } as Schema as { readonly const: Readonly<Record<string, Directives>> },
  listen: listOf(
    anyOf([{ type: 'integer' }, { type: 'string' }], 'A port, or the parameters of `listen`.'),
    'Ports (for IPv4 and IPv6) or parameters of `listen`; default 80, or 443 with tls.',
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
    description: 'Certificate for HTTPS, which the site serves with TLS 1.2 and 1.3.',
  },
  redirect_http: flag(
    `Whether, with \`tls\`, HTTP only redirects to HTTPS and serves ACME challenges from ${acmeRoot}; default true.`,
  ),
  client_max_body_size: text('Maximum size of a request body, e.g. `20m`.'),
  extra: text('Additional configuration for the server block, in the syntax of Nginx.'),
} as const;
type Site = Given<typeof parts, 'server_names'>;

/** Returns the paths of the certificate and its key. Without `key`, `certificate` is the name of one of certbot's. */
export function certificateOf({ certificate, key }: NonNullable<Site['tls']>) {
  if (key !== undefined) return { certificate, key };
  const live = `/etc/letsencrypt/live/${certificate}`;
  return { certificate: `${live}/fullchain.pem`, key: `${live}/privkey.pem` };
}

const reload = scriptBeside(import.meta.url, './nginx-reload.sh');

/** Reloads Nginx if it runs, and waits until the old worker processes serve no more requests. */
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

/** Returns the configuration file of a site. */
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

// A bare port means IPv4 and IPv6, for which Nginx needs two sockets. It refuses to open one twice.
function listens(ports: readonly (number | string)[], flag = ''): string[] {
  const each = ports.flatMap(port => (/^[0-9]+$/.test(`${port}`) ? [`${port}`, `[::]:${port}`] : `${port}`));
  return [...new Set(each)]
    .filter(address => !each.some(other => other.startsWith(`${address} `)))
    .map(address => (flag === '' || address.split(' ').includes(flag) ? address : `${address} ${flag}`))
    .map(address => `listen ${address};`);
}

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

/** Returns a sentence for each part of a location that Nginx would not read as intended. */
export function locationProblems([path, directives]: [string, Directives]): string[] {
  const { alias } = directives;
  const [has, lacks] = path.endsWith('/') ? ['location', 'alias'] : ['alias', 'location'];
  return compact([
    /^[^~"]*[;{}]/.test(path) && `The location "${path}" contains a ; or a brace, which ends it for Nginx.`,
    Object.entries(directives).flatMap(([name, value]) =>
      (isMap(value) ? [] : [value].flat().map(String))
        .filter(text => /[;{}\n]/.test(text.replace(/"(\\.|[^"\\])*"|'(\\.|[^'\\])*'|\$\{\w+\}/g, '')))
        .map(text => `${name} in the location "${path}" has a ; or a brace outside quotes: "${text}".`),
    ),
    typeof alias === 'string' &&
      !path.startsWith('~') &&
      path.endsWith('/') !== alias.endsWith('/') &&
      `The ${has} ends with a slash but the ${lacks} does not, so Nginx would look for other files: location "${path}", alias "${alias}".`,
  ]);
}
