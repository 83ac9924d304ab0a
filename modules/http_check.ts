import { absolutePath, duration, flag, text, whole } from '../engine/module-kit/argument.ts';
import { defineModule, type Given } from '../engine/module-kit/define-module.ts';
import { command, Missing, program } from '../engine/probe.ts';
import { shellQuote } from '../engine/quote.ts';
import { defined } from '../engine/util/defined.ts';
import { durationS } from '../engine/util/duration.ts';

const args = {
  url: text('URL to request, from the host itself.', { pattern: '^https?://[^\\s]+$' }),
  host: text(
    'Address to connect to instead of the one in the URL, e.g. `127.0.0.1` or `127.0.0.1:8443`. The request and the check of the certificate still use the name in the URL.',
    { pattern: '^([A-Za-z0-9._-]+|\\[[0-9A-Fa-f:.]+\\])(:[0-9]{1,5})?$' },
  ),
  status: whole('Expected status code of the answer.', { minimum: 100, maximum: 599, default: 200 }),
  contains: text('Text that the first 64 KiB of the answer must contain.', { minLength: 1 }),
  tls: {
    type: 'object',
    additionalProperties: false,
    default: {},
    properties: {
      verify: flag('Whether the certificate must be valid for the name in the URL.', { default: true }),
      ca_bundle: {
        ...absolutePath,
        description: 'File on the host with the trusted authorities, instead of those of the system.',
      },
    },
    description: 'Check of the certificate of an https URL.',
  },
  timeout: duration('Time limit of one request.', { default: '5s' }),
  attempts: whole('Maximum number of requests until the answer is as expected.', {
    minimum: 1,
    maximum: 1000,
    default: 10,
  }),
  delay: duration('Time between two attempts.', { default: '1s' }),
} as const;

/** Requests a URL from the host itself and compares the answer. A redirect is an answer and is not followed. */
export const http_check = defineModule({
  name: 'http_check',
  summary: 'A URL that must answer as expected, requested on the host with curl.',
  args,
  required: ['url'],
  examples: {
    'The application answers': { url: 'http://127.0.0.1:8000/health', contains: 'ok' },
    'The public site, requested on the host itself': { url: 'https://example.com/', host: '127.0.0.1' },
    'Plain HTTP is redirected': { url: 'http://example.com/', host: '127.0.0.1', status: 301 },
  },
  secrets: { in: ['url', 'contains'] },
  identity: args => args.url,
  probes: args => ({
    curl: program('curl'),
    answer: command(ask(args), { timeoutS: Math.ceil(durationS(args.timeout)) + 5 }),
  }),
  actual: ({ curl, answer: { stdout, stderr } }, { contains = '' }) => {
    if (curl === null) return Missing.fromPackages('curl', 'curl');
    const status = /^(\d{3})$/m.exec(stderr)?.[1] ?? '000';
    const [, code, complaint] = /^curl: \((\d+)\) (.*)$/m.exec(stderr) ?? [];
    // 23: the answer was longer than the 64 KiB that are read.
    if (status === '000' || (code !== undefined && code !== '23')) return { answer: complaint ?? 'none' };
    return { answer: Number(status), contains: stdout.includes(contains) ? contains : excerpt(stdout) };
  },
  desired: ({ status, contains }) => ({ answer: status, contains }),
  check: true,
});

/**
 * Returns a script that prints the body on stdout and the status on stderr. curl reads its options from standard input:
 * a URL may contain a token, and every account of the host can see arguments.
 */
function ask({ url, host, tls, timeout }: Given<typeof args, 'url'>): string {
  const options = {
    url,
    'max-time': String(durationS(timeout)),
    'write-out': '%{stderr}\\n%{http_code}\\n',
    'connect-to': host && `::${/:\d+$/.test(host) ? host : `${host}:`}`,
    noproxy: host && '*',
    insecure: tls.verify === false ? '' : undefined,
    cacert: tls.ca_bundle,
  };
  const config = Object.entries(defined(options)).map(([name, value]) =>
    value === '' ? name : `${name} = "${value.replace(/["\\]/g, '\\$&')}"`,
  );
  return `printf '%s\\n' ${config.map(shellQuote).join(' ')} | LC_ALL=C curl -q -sS -K - | head -c 65536`;
}

/** Returns the beginning of an unexpected answer on one line. */
function excerpt(body: string): string {
  const line = body.replace(/\s+/g, ' ').trim();
  return line.length > 120 ? `${line.slice(0, 120)}…` : line;
}
