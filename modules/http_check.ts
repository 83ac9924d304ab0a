import { absolutePath, duration, flag, text, whole } from '../engine/module-kit/argument.ts';
import { defineModule, type Given } from '../engine/module-kit/define-module.ts';
import { command, Missing, program } from '../engine/probe.ts';
import { shellQuote } from '../engine/quote.ts';
import { defined } from '../engine/util/defined.ts';
import { durationS } from '../engine/util/duration.ts';

const args = {
  url: text('URL that is asked for, from the host itself.', { pattern: '^https?://[^\\s]+$' }),
  host: text(
    'Address to connect to in place of the one that the URL leads to, e.g. `127.0.0.1` or `127.0.0.1:8443`; the name in the URL is still asked for, and the certificate must have it.',
    { pattern: '^([A-Za-z0-9._-]+|\\[[0-9A-Fa-f:.]+\\])(:[0-9]{1,5})?$' },
  ),
  status: whole('Status code of the answer.', { minimum: 100, maximum: 599, default: 200 }),
  contains: text('Text that the first 64 KiB of the answer must contain.', { minLength: 1 }),
  tls: {
    type: 'object',
    additionalProperties: false,
    default: {},
    properties: {
      verify: flag('Whether the certificate must be valid for the name in the URL.', { default: true }),
      ca_bundle: {
        ...absolutePath,
        description: 'File on the host with the authorities to trust instead of the system’s.',
      },
    },
    description: 'How the certificate of an https URL is checked.',
  },
  timeout: duration('How long one answer may take.', { default: '5s' }),
  attempts: whole('How often it is asked until the answer is right.', {
    minimum: 1,
    maximum: 1000,
    default: 10,
  }),
  delay: duration('How long to wait between attempts.', { default: '1s' }),
} as const;

/** Asks a URL from the host itself and compares the answer. It follows no redirects: they are an answer. */
export const http_check = defineModule({
  name: 'http_check',
  summary: 'Asks a URL from the host, by curl, and checks the answer.',
  args,
  required: ['url'],
  examples: {
    'The application answers': { url: 'http://127.0.0.1:8000/health', contains: 'ok' },
    'The site as the world sees it, asked on the host': { url: 'https://example.com/', host: '127.0.0.1' },
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
    // 23: the answer went on after what is looked at.
    if (status === '000' || (code !== undefined && code !== '23')) return { answer: complaint ?? 'none' };
    return { answer: Number(status), contains: stdout.includes(contains) ? contains : excerpt(stdout) };
  },
  desired: ({ status, contains }) => ({ answer: status, contains }),
  check: true,
});

/**
 * Prints the body on stdout and the status on stderr. The options come by standard input: a URL may hold a token,
 * and arguments can be seen by every account of the host.
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

/** The beginning of an answer on one line, so that one sees what came instead. */
function excerpt(body: string): string {
  const line = body.replace(/\s+/g, ' ').trim();
  return line.length > 120 ? `${line.slice(0, 120)}…` : line;
}
