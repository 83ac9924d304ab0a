import { durationPattern, durationS } from '../engine/duration.ts';
import { defineModule } from '../engine/define-module.ts';
import {
  content,
  type Entry,
  entries,
  installedPackage,
  Missing,
  owed,
  program,
  unit,
} from '../engine/probe.ts';
import { shellCommand, shellQuote } from '../engine/quote.ts';
import type { Step } from '../engine/step.ts';
import {
  authenticator,
  type Challenge,
  readCertificate,
  renewalValue,
  withRenewalValue,
} from './_certbot.ts';
import { acmeRoot } from './_nginx.ts';
import { daemonReload } from './_systemd.ts';

const live = (name: string) => `/etc/letsencrypt/live/${name}`;
const archive = (name: string) => `/etc/letsencrypt/archive/${name}`;
const renewalConf = (name: string) => `/etc/letsencrypt/renewal/${name}.conf`;
const dropIn = (name: string) => `/etc/systemd/system/certbot.service.d/ca-of-${name}.conf`;
const dropInText = (bundle: string) =>
  `# Written by reconcile (certbot): renewals trust this authority.\n[Service]\nEnvironment="REQUESTS_CA_BUNDLE=${bundle}"\n`;

/** The note that a certificate is being issued: where it stays, what comes after the issue may not have been done. */
const noteOf = (name: string) => `certbot:${name}`;
const unfinished = 'not seen to be finished';

/** What only a new certificate can change. */
const ofCertificate = ['domains', 'valid', 'key_type', 'server', 'challenge'];

/** Whether each link of the certificate leads to a file. */
const isWhole = (links: Entry[] | null, archive: Entry[] | null): boolean =>
  ['fullchain.pem', 'privkey.pem'].every(name => {
    const target = links?.find(link => link.path === name)?.target?.replace(/.*\//, '');
    return archive?.some(file => file.path === target);
  });

/** How much longer it is valid, in the terms of what is declared. */
function validity(untilS: number, lifetimeS: number, renewBefore: string, nowS: number): string {
  // A certificate that lives shorter than this would always be too old.
  const enoughS = Math.min(durationS(renewBefore), lifetimeS / 3);
  if (untilS - nowS >= enoughS) return `more than ${renewBefore}`;
  return untilS <= nowS ? 'expired' : `${Math.floor((untilS - nowS) / 86_400)}d left`;
}

export const certbot = defineModule({
  name: 'certbot',
  summary: 'A certificate of an ACME authority such as Let’s Encrypt, kept valid by certbot.',
  args: {
    type: 'object',
    properties: {
      name: {
        type: 'string',
        pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$',
        description: 'Name of the certificate: its files are in /etc/letsencrypt/live/NAME.',
      },
      domains: {
        type: 'array',
        items: { type: 'string' },
        minItems: 1,
        description: 'The names the certificate is valid for; the first is its common name.',
      },
      email: {
        type: 'string',
        pattern: '^[^@\\s]+@[^@\\s]+$',
        description: 'Address that the authority writes to; it is told when the account is made.',
      },
      challenge: {
        default: 'nginx',
        anyOf: [
          { enum: ['nginx', 'standalone'] },
          {
            type: 'object',
            properties: { nginx: { const: true } },
            required: ['nginx'],
            additionalProperties: false,
          },
          {
            type: 'object',
            properties: { standalone: { const: true } },
            required: ['standalone'],
            additionalProperties: false,
          },
          {
            type: 'object',
            properties: { webroot: { type: 'string', pattern: '^/' } },
            required: ['webroot'],
            additionalProperties: false,
          },
          {
            type: 'object',
            properties: {
              dns: { type: 'string' },
              credentials: { type: 'string' },
              propagation: { type: 'integer' },
            },
            required: ['dns'],
            additionalProperties: false,
          },
        ],
        description:
          'How the authority is shown that the domains are yours: `nginx`, `standalone`, `{webroot: FOLDER}` or `{dns: PLUGIN, credentials: FILE, propagation: SECONDS}`.',
      },
      server: {
        type: 'string',
        pattern: '^https?://',
        default: 'https://acme-v02.api.letsencrypt.org/directory',
        description: 'The ACME directory of the authority.',
      },
      ca_bundle: {
        type: 'string',
        pattern: '^/[^"\\\\%\\s]*$',
        description:
          'Certificates on the host that vouch for the server of a private authority, also at renewals.',
      },
      key_type: { enum: ['ecdsa', 'rsa'], description: 'Kind of key; certbot’s default when left out.' },
      renew_before: {
        type: 'string',
        pattern: durationPattern,
        default: '30d',
        description:
          'How long before its end the certificate is renewed, but not before two thirds of its lifetime are over.',
      },
      deploy_hook: {
        type: 'string',
        minLength: 1,
        pattern: '^[^\\n]*$',
        description:
          'Command that is run after the certificate was issued or renewed, e.g. `systemctl reload nginx`.',
      },
      state: {
        enum: ['present', 'absent'],
        default: 'present',
        description:
          'Whether the certificate exists; `absent` deletes it, its key and its renewal, but does not revoke it.',
      },
    },
    required: ['name', 'domains', 'email'],
    additionalProperties: false,
  },
  examples: [
    {
      title: 'A certificate for Nginx',
      args: {
        name: 'example.com',
        domains: ['example.com', 'www.example.com'],
        email: 'admin@example.com',
        deploy_hook: 'systemctl reload nginx',
      },
    },
    {
      title: 'From a private authority, by files in a folder',
      args: {
        name: 'app.internal',
        domains: ['app.internal'],
        email: 'admin@example.com',
        challenge: { webroot: '/var/www/html' },
        server: 'https://ca.internal/acme/directory',
        ca_bundle: '/etc/ssl/certs/internal-ca.pem',
      },
    },
  ],
  identity: ({ name }) => name,
  refine: args =>
    args.domains.some(domain => domain.startsWith('*.')) && !Object.hasOwn(Object(args.challenge), 'dns')
      ? ['a domain with a * can only be proved by a dns challenge']
      : [],
  probes: args => ({
    certbot: program('certbot'),
    base: installedPackage('certbot'),
    plugin: installedPackage(authenticator(args.challenge as Challenge).package),
    chain: content(`${live(args.name)}/fullchain.pem`),
    links: entries(live(args.name), { depth: 1 }),
    archive: entries(archive(args.name), { depth: 1 }),
    renewal: content(renewalConf(args.name)),
    dropIn: content(dropIn(args.name)),
    service: unit('certbot.service'),
    timer: unit('certbot.timer'),
    owed: owed(noteOf(args.name)),
  }),
  actual: (read, args, context) => {
    const chain = read.chain?.bytes ? readCertificate(read.chain.bytes) : null;
    const conf = read.renewal?.bytes?.toString();
    if (args.state === 'absent' && read.links === null && conf === undefined) return null;
    if (read.certbot === null) return new Missing('certbot', ['package:certbot']);
    const method = authenticator(args.challenge as Challenge);
    // A certbot that is not Debian's brings its plugins in its own ways.
    if (read.base?.status === 'installed' && read.plugin?.status !== 'installed')
      return new Missing(`certbot's plugin for ${method.name}`, [`package:${method.package}`]);
    if (args.state === 'absent') return { certificate: true };
    if (chain === null || conf === undefined || !isWhole(read.links, read.archive)) return null;
    const bundle = args.ca_bundle ?? '';
    const valid = validity(
      chain.untilS,
      chain.untilS - chain.fromS,
      args.renew_before,
      context.plannedS ?? context.nowS,
    );
    return {
      domains: chain.domains,
      valid: read.owed.length > 0 && valid === `more than ${args.renew_before}` ? unfinished : valid,
      key_type: chain.keyType,
      server: renewalValue(conf, 'server') ?? 'none',
      challenge: challengeOf(renewalValue(conf, 'authenticator'), renewalValue(conf, 'webroot_path')),
      deploy_hook: renewalValue(conf, 'renew_hook') ?? 'none',
      ca_bundle:
        read.dropIn?.bytes?.toString() === dropInText(bundle) && read.service.NeedDaemonReload !== 'yes'
          ? bundle
          : 'another',
      renewal_timer:
        read.timer.ActiveState === 'active' && read.timer.UnitFileState === 'enabled' ? 'on' : 'off',
    };
  },
  desired: args => {
    if (args.state === 'absent') return null;
    const challenge = args.challenge as Challenge;
    return {
      domains: [...new Set(args.domains)].sort(),
      valid: `more than ${args.renew_before}`,
      ...(args.key_type === undefined ? {} : { key_type: args.key_type }),
      server: args.server,
      challenge: challengeOf(
        authenticator(challenge).name,
        typeof challenge === 'object' && 'webroot' in challenge ? challenge.webroot : undefined,
      ),
      ...(args.deploy_hook === undefined ? {} : { deploy_hook: args.deploy_hook }),
      ...(args.ca_bundle === undefined ? {} : { ca_bundle: args.ca_bundle }),
      renewal_timer: 'on',
    };
  },
  steps: (diff, args, read, context) => {
    const { name } = args;
    const conf = read.renewal?.bytes?.toString();
    if (diff.kind === 'remove') return removal(name, conf !== undefined);
    const steps: Step[] = [];
    if (diff.has('ca_bundle') && args.ca_bundle !== undefined) {
      steps.push({ do: 'directory', path: '/etc/systemd/system/certbot.service.d' });
      steps.push({
        do: 'write',
        path: dropIn(name),
        content: dropInText(args.ca_bundle),
        owner: 'root',
        group: 'root',
        mode: '0644',
      });
      steps.push(daemonReload);
    }
    const anew = diff.changes.some(({ key, before }) => ofCertificate.includes(key) && before !== unfinished);
    if (anew) {
      steps.push({ do: 'owe', unit: noteOf(name), action: 'run', because: context.name });
      steps.push(issue(args as Arguments, diff.kind === 'create'));
    } else if (diff.has('deploy_hook') && conf !== undefined) {
      steps.push({
        do: 'write',
        path: renewalConf(name),
        content: withRenewalValue(conf, 'renew_hook', args.deploy_hook),
      });
    }
    if (!anew && diff.has('valid')) steps.push(finish(args as Arguments));
    if (diff.has('valid') || anew) steps.push({ do: 'pay', unit: noteOf(name) });
    if (diff.has('renewal_timer'))
      steps.push({ do: 'run', command: ['systemctl', 'enable', '--now', 'certbot.timer'] });
    return steps;
  },
  brings: args =>
    args.state === 'absent'
      ? []
      : [{ token: `certificate:${args.name}` }, { token: `path:${live(args.name)}/fullchain.pem` }],
});

const challengeOf = (name: string | undefined, webroot: string | undefined): string =>
  name === 'webroot' ? `webroot ${webroot ?? ''}`.trim() : (name ?? 'none');

interface Arguments {
  name: string;
  domains: string[];
  email: string;
  challenge: Challenge;
  server: string;
  ca_bundle?: string;
  key_type?: string;
  deploy_hook?: string;
}

function removal(name: string, known: boolean): Step[] {
  return [
    ...(known
      ? [{ do: 'run', command: ['certbot', 'delete', '--non-interactive', '--cert-name', name] } as const]
      : []),
    { do: 'remove', path: live(name), recursive: true },
    { do: 'remove', path: archive(name), recursive: true },
    { do: 'remove', path: dropIn(name) },
    daemonReload,
    { do: 'pay', unit: noteOf(name) },
  ];
}

/** Has the certificate issued. What a cut or a deletion left of one would make certbot issue it by another name. */
function issue(args: Arguments, isNew: boolean): Step {
  const { name, options } = authenticator(args.challenge);
  const words = (method: readonly string[]) =>
    shellCommand([
      ...['certbot', 'certonly', '--non-interactive', '--agree-tos', '--email', args.email, '--no-eff-email'],
      ...['--cert-name', args.name, ...args.domains.flatMap(domain => ['--domain', domain])],
      ...['--server', args.server, ...method],
      ...(args.key_type === undefined ? [] : ['--key-type', args.key_type]),
      ...(args.deploy_hook === undefined ? [] : ['--deploy-hook', args.deploy_hook]),
      ...[isNew ? '--keep-until-expiring' : '--force-renewal', '--renew-with-new-domains'],
    ]);
  const conf = shellQuote(renewalConf(args.name));
  const [chain, key] = ['fullchain.pem', 'privkey.pem'].map(file => shellQuote(`${live(args.name)}/${file}`));
  const leftovers = [renewalConf(args.name), live(args.name), archive(args.name)].map(shellQuote).join(' ');
  const command = `[ ! -s ${conf} ] || certbot update_symlinks >/dev/null 2>&1
[ -s ${conf} ] && [ -s ${chain} ] && [ -s ${key} ] || rm -rf -- ${leftovers}
${name === 'nginx' ? byNginx(words, options, conf) : words(options)}`;
  return {
    do: 'run',
    label: words(options),
    command,
    ...(args.ca_bundle === undefined ? {} : { env: { REQUESTS_CA_BUNDLE: args.ca_bundle } }),
  };
}

/** Does what follows an issue that was cut off when the certificate was there: its hook, and the locks of certbot. */
function finish({ name, domains, deploy_hook: hook }: Arguments): Step {
  const folders = ['/etc/letsencrypt', '/var/lib/letsencrypt', '/var/log/letsencrypt', '/etc/nginx'];
  const locks = shellCommand(folders.map(folder => `${folder}/.certbot.lock`));
  return {
    do: 'run',
    label: hook ?? 'rm .certbot.lock',
    command: `grep -qsx certbot /proc/[0-9]*/comm || rm -f -- ${locks}\n${hook ?? ''}`,
    env: { RENEWED_LINEAGE: live(name), RENEWED_DOMAINS: domains.join(' ') },
  };
}

// The plugin works only on a configuration that is valid, which one whose certificate is gone is not: then what
// serves port 80 now proves the domains, and the renewal is set to the plugin.
const byNginx = (
  words: (method: readonly string[]) => string,
  options: readonly string[],
  conf: string,
): string =>
  `if nginx -t 2>/dev/null; then ${words(options)}
else
  if systemctl is-active --quiet nginx; then ${words(['--webroot', '--webroot-path', acmeRoot])}
  else ${words(['--standalone'])}; fi || exit
  sed -i -e 's/^authenticator = .*/authenticator = nginx/' -e '/^webroot_path = /d' -e '/^\\[\\[webroot_map\\]\\]/,$d' ${conf}
fi`;
