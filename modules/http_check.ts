import { durationPattern, durationS } from '../engine/duration.ts';
import { defineModule } from '../engine/define-module.ts';
import { command, Missing, program } from '../engine/probe.ts';
import { shellQuote } from '../engine/quote.ts';
import { absolutePath } from './_files.ts';

/** Asks a URL from the host itself and compares the answer. It follows no redirects: they are an answer. */
export const http_check = defineModule({
  name: 'http_check',
  summary: 'Asks a URL from the host, by curl, and checks the answer.',
  args: {
    type: 'object',
    additionalProperties: false,
    required: ['url'],
    properties: {
      url: {
        type: 'string',
        pattern: '^https?://[^\\s]+$',
        description: 'URL that is asked for, from the host itself.',
      },
      host: {
        type: 'string',
        pattern: '^([A-Za-z0-9._-]+|\\[[0-9A-Fa-f:.]+\\])(:[0-9]{1,5})?$',
        description:
          'Address to connect to in place of the one that the URL leads to, e.g. `127.0.0.1` or `127.0.0.1:8443`; the name in the URL is still asked for, and the certificate must have it.',
      },
      status: {
        type: 'integer',
        minimum: 100,
        maximum: 599,
        default: 200,
        description: 'Status code of the answer.',
      },
      contains: {
        type: 'string',
        minLength: 1,
        description: 'Text that the first 64 KiB of the answer must contain.',
      },
      tls: {
        type: 'object',
        additionalProperties: false,
        default: {},
        properties: {
          verify: {
            type: 'boolean',
            default: true,
            description: 'Whether the certificate must be valid for the name in the URL.',
          },
          ca_bundle: {
            ...absolutePath,
            description: 'File on the host with the authorities to trust instead of the system’s.',
          },
        },
        description: 'How the certificate of an https URL is checked.',
      },
      timeout: {
        type: 'string',
        pattern: durationPattern,
        default: '5s',
        description: 'How long one answer may take.',
      },
      attempts: {
        type: 'integer',
        minimum: 1,
        maximum: 1000,
        default: 10,
        description: 'How often it is asked until the answer is right.',
      },
      delay: {
        type: 'string',
        pattern: durationPattern,
        default: '1s',
        description: 'How long to wait between attempts.',
      },
    },
  },
  examples: [
    { title: 'The application answers', args: { url: 'http://127.0.0.1:8000/health', contains: 'ok' } },
    {
      title: 'The site as the world sees it, asked on the host',
      args: { url: 'https://example.com/', host: '127.0.0.1' },
    },
    {
      title: 'Plain HTTP is redirected',
      args: { url: 'http://example.com/', host: '127.0.0.1', status: 301 },
    },
  ],
  secrets: { in: ['url', 'contains'] },
  identity: args => args.url,
  probes: args => ({
    curl: program('curl'),
    answer: command(ask(args), { timeoutS: Math.ceil(durationS(args.timeout)) + 5 }),
  }),
  actual: ({ curl, answer: { stdout, stderr } }, args) => {
    if (curl === null) return new Missing('curl', ['package:curl']);
    const status = /^(\d{3})$/m.exec(stderr)?.[1] ?? '000';
    const [, code, complaint] = /^curl: \((\d+)\) (.*)$/m.exec(stderr) ?? [];
    // 23: the answer went on after what is looked at.
    if (status === '000' || (code !== undefined && code !== '23')) return { answer: complaint ?? 'none' };
    const contains =
      args.contains !== undefined && stdout.includes(args.contains) ? args.contains : excerpt(stdout);
    return { answer: Number(status), ...(args.contains === undefined ? {} : { contains }) };
  },
  desired: args => ({
    answer: args.status,
    ...(args.contains === undefined ? {} : { contains: args.contains }),
  }),
  steps: () => [],
  check: true,
});

interface Arguments {
  url: string;
  host?: string;
  tls: { verify?: boolean; ca_bundle?: string };
  timeout: string;
}

/**
 * Prints the body on stdout and the status on stderr. The options come by standard input: a URL may hold a token,
 * and arguments can be seen by every account of the host.
 */
function ask({ url, host, tls, timeout }: Arguments): string {
  const options: [string, string?][] = [
    ['url', url],
    ['max-time', String(durationS(timeout))],
    ['write-out', '%{stderr}\\n%{http_code}\\n'],
    ...(host === undefined
      ? []
      : ([
          ['connect-to', `::${/:\d+$/.test(host) ? host : `${host}:`}`],
          ['noproxy', '*'],
        ] as [string, string][])),
    ...(tls.verify === false ? [['insecure'] as [string]] : []),
    ...(tls.ca_bundle === undefined ? [] : [['cacert', tls.ca_bundle] as [string, string]]),
  ];
  const config = options.map(([name, value]) =>
    value === undefined ? name : `${name} = "${value.replace(/["\\]/g, '\\$&')}"`,
  );
  return `printf '%s\\n' ${config.map(shellQuote).join(' ')} | LC_ALL=C curl -q -sS -K - | head -c 65536`;
}

/** The beginning of an answer on one line, so that one sees what came instead. */
function excerpt(body: string): string {
  const line = body.replace(/\s+/g, ' ').trim();
  return line.length > 120 ? `${line.slice(0, 120)}…` : line;
}
