import type { RunStep } from '../engine/step.ts';

type Scalar = string | number | boolean;
/** Parameters of a directive: text as Nginx reads it, a list repeats the directive, a map gives names and values. */
export type Parameters = Scalar | readonly Scalar[] | Readonly<Record<string, Scalar>>;
/** The directives of a block in the order in which they are written. */
export type Directives = Readonly<Record<string, Parameters>>;

/** What a site is made of, by the names of the arguments; certificate and key are paths. */
export interface Site {
  name: string;
  server_names: readonly string[];
  locations?: Readonly<Record<string, Directives>>;
  /** None = the ports of HTTP and, with tls, HTTPS. */
  listen?: readonly (number | string)[];
  root?: string;
  tls?: { certificate: string; key: string } | undefined;
  redirect_http?: boolean;
  client_max_body_size?: string;
  extra?: string;
}

/** The folder that answers for certificates: certbot's webroot, in Debian's default site too. */
export const acmeRoot = '/var/www/html';

const reload = `systemctl is-active --quiet nginx.service || exit 0
main=$(systemctl show -p MainPID --value nginx.service)
before=
[ "$main" = 0 ] || before=$(grep -ls "^PPid:[[:space:]]*$main$" /proc/[0-9]*/status | sed 's/status$/cmdline/')
systemctl reload nginx.service || exit
for i in $(seq 150); do
  [ -n "$before" ] && [ -n "$(grep -Ls 'is shutting down' $before)" ] || exit 0
  sleep 0.1
done
echo 'Nginx goes on with its old configuration; its log ends with:' >&2
tail -n 5 /var/log/nginx/error.log >&2
exit 1`;

/**
 * Loads the sites, if Nginx runs at all, and waits until the processes of before serve no more. Nginx itself only
 * takes the wish: when e.g. a port is taken, it says so in its log and goes on as before.
 */
export const reloadNginx: RunStep = {
  do: 'run',
  label: 'systemctl reload nginx.service',
  command: reload,
  undo: { after: reload },
  touches: [],
};

const proxyDefaults: Directives = {
  proxy_http_version: '1.1',
  proxy_set_header: {
    Host: '$host',
    'X-Real-IP': '$remote_addr',
    'X-Forwarded-For': '$proxy_add_x_forwarded_for',
    'X-Forwarded-Proto': '$scheme',
  },
  proxy_read_timeout: '90s',
  proxy_connect_timeout: '90s',
};

/** A site's configuration file. */
export function renderSite(site: Site): string {
  const { tls, listen = [], redirect_http: redirects = true, client_max_body_size: limit } = site;
  const plain = listen.length > 0 && !tls ? listen : [80];
  const secure = listen.length > 0 ? listen : [443];
  const challenge = location('/.well-known/acme-challenge/', { root: acmeRoot });
  const parts = [
    limit === undefined ? [] : [`client_max_body_size ${limit};`],
    site.root === undefined ? [] : [`root ${quoted(site.root)};`, 'index index.html;'],
  ].filter(lines => lines.length > 0);
  const locations = Object.entries(site.locations ?? {}).map(([path, directives]) =>
    location(path, directives),
  );
  if (site.extra !== undefined) locations.push(site.extra.trimEnd().split('\n'));
  const body = [...parts, ...locations];
  const names = `server_name ${site.server_names.join(' ')};`;
  if (!tls) return file(site.name, [server([[...listens(plain), names], ...body])]);

  const head = [...(redirects ? [] : listens([80])), ...listens(secure, 'ssl'), names];
  const certificate = [
    `ssl_certificate ${quoted(tls.certificate)};`,
    `ssl_certificate_key ${quoted(tls.key)};`,
    'ssl_protocols TLSv1.2 TLSv1.3;',
  ];
  if (!redirects) return file(site.name, [server([head, certificate, challenge, ...body])]);
  const redirect = location('/', { return: '301 https://$host$request_uri' });
  return file(site.name, [
    server([[...listens([80]), names], challenge, redirect]),
    server([head, certificate, ...body]),
  ]);
}

const file = (name: string, servers: readonly string[]): string =>
  `# Written by reconcile (nginx_site ${name}): change the playbook, not this file.\n\n${servers.join('\n')}`;

const server = (parts: readonly (readonly string[])[]): string =>
  `server {\n${parts.map(lines => indent(lines).join('\n')).join('\n\n')}\n}\n`;

const indent = (lines: readonly string[]): string[] => lines.map(line => (line === '' ? '' : `    ${line}`));

// A bare port is for IPv4 and IPv6, which are two sockets to Nginx.
const listens = (ports: readonly (number | string)[], flag = ''): string[] =>
  ports
    .flatMap(port => (/^[0-9]+$/.test(String(port)) ? [`${port}`, `[::]:${port}`] : [`${port}`]))
    .map(
      address => `listen ${address}${flag === '' || address.split(' ').includes(flag) ? '' : ` ${flag}`};`,
    );

function location(path: string, directives: Directives): string[] {
  return [`location ${path} {`, ...indent(blockOf(directives)), '}'];
}

function blockOf(given: Directives): string[] {
  if (given['proxy_pass'] === undefined) return Object.entries(given).flatMap(directive);
  const { proxy_pass, proxy_set_header: headers, ...rest } = given;
  const merged = { ...proxyDefaults, ...rest };
  if (headers !== undefined)
    merged['proxy_set_header'] = isMap(headers)
      ? { ...(proxyDefaults['proxy_set_header'] as object), ...headers }
      : headers;
  return Object.entries({ proxy_pass, ...merged }).flatMap(directive);
}

function directive([name, value]: [string, Parameters]): string[] {
  if (Array.isArray(value)) return value.map(one => `${name} ${parameter(one)};`);
  if (isMap(value))
    return Object.entries(value).map(([key, text]) => `${name} ${key} ${quoted(parameter(text))};`);
  return [`${name} ${parameter(value as Scalar)};`];
}

const parameter = (value: Scalar): string =>
  value === true ? 'on' : value === false ? 'off' : String(value);

const isMap = (value: Parameters): value is Readonly<Record<string, Scalar>> =>
  typeof value === 'object' && !Array.isArray(value);

const quoted = (text: string): string =>
  text === '' || /[\s;{}"'#\\]/.test(text) ? `"${text.replace(/["\\]/g, '\\$&')}"` : text;

/** What Nginx would read otherwise than it was meant; a sentence each. */
export function locationProblems(path: string, directives: Directives): string[] {
  const problems: string[] = [];
  if (/^[^~"]*[;{}]/.test(path))
    problems.push(`the location "${path}" has a ; or a brace, which ends it for Nginx`);
  for (const [name, value] of Object.entries(directives)) {
    const texts = Array.isArray(value) ? value : isMap(value) ? [] : [value];
    for (const text of texts.map(String)) {
      const bare = text.replace(/"(\\.|[^"\\])*"|'(\\.|[^'\\])*'|\$\{\w+\}/g, '');
      if (/[;{}\n]/.test(bare))
        problems.push(`${name} in the location "${path}" has a ; or a brace outside quotes: "${text}"`);
    }
  }
  const alias = directives['alias'];
  if (typeof alias === 'string' && !path.startsWith('~') && path.endsWith('/') !== alias.endsWith('/')) {
    const [has, lacks] = path.endsWith('/') ? ['location', 'alias'] : ['alias', 'location'];
    problems.push(
      `the ${has} ends with a slash but the ${lacks} does not, so Nginx would look for other files: location "${path}", alias "${alias}"`,
    );
  }
  return problems;
}
