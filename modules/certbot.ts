import { defined, duration, listOf, oneOf, text } from '../engine/argument.ts';
import { defineModule, type Given } from '../engine/define-module.ts';
import type { Effect } from '../engine/effect.ts';
import type { Diff } from '../engine/module.ts';
import { content, entries, installedPackage, Missing, owed, path, program, unit } from '../engine/probe.ts';
import { shellCommand, shellQuote } from '../engine/quote.ts';
import type { Step } from '../engine/step.ts';
import { daemonReload } from '../engine/steps/units.ts';
import {
  archive,
  authenticator,
  challenge,
  dropIn,
  dropInText,
  forget,
  isWhole,
  live,
  readCertificate,
  renewalConf,
  renewalValue,
  shared,
  startTimer,
  trusting,
  validity,
  withRenewalValue,
} from './_certbot.ts';
import { acmeRoot } from './_nginx.ts';

/** The note that a certificate is being issued: where it stays, what comes after the issue may not have been done. */
const noteOf = (name: string) => `certbot:${name}`;
const unfinished = 'not seen to be finished';

/** What only a new certificate can change. */
const ofCertificate = ['domains', 'valid', 'key_type', 'server', 'challenge'];

const args = {
  name: text('Name of the certificate: its files are in /etc/letsencrypt/live/NAME.', {
    pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$',
  }),
  domains: listOf(
    { type: 'string' },
    'The names the certificate is valid for; the first is its common name.',
    { minItems: 1 },
  ),
  email: text('Address that the authority writes to; it is told when the account is made.', {
    pattern: '^[^@\\s]+@[^@\\s]+$',
  }),
  challenge: {
    ...challenge,
    default: 'nginx',
    description:
      'How the authority is shown that the domains are yours: `nginx`, `standalone`, `{webroot: FOLDER}` or `{dns: PLUGIN, credentials: FILE, propagation: SECONDS}`.',
  },
  server: text('The ACME directory of the authority.', {
    pattern: '^https?://',
    default: 'https://acme-v02.api.letsencrypt.org/directory',
  }),
  ca_bundle: text(
    'Certificates on the host that vouch for the server of a private authority, also at renewals.',
    { pattern: '^/[^"\\\\%\\s]*$' },
  ),
  key_type: oneOf(['ecdsa', 'rsa'], 'Kind of key; certbot’s default when left out.'),
  renew_before: duration(
    'How long before its end the certificate is renewed, but not before two thirds of its lifetime are over.',
    { default: '30d' },
  ),
  deploy_hook: text(
    'Command that is run after the certificate was issued or renewed, e.g. `systemctl reload nginx`.',
    { minLength: 1, pattern: '^[^\\n]*$' },
  ),
} as const;
type Arguments = Given<typeof args, 'name' | 'domains' | 'email'>;

export const certbot = defineModule({
  name: 'certbot',
  summary: 'A certificate of an ACME authority such as Let’s Encrypt, kept valid by certbot.',
  args,
  required: ['name', 'domains', 'email'],
  absent: 'deletes it, its key and its renewal, but does not revoke it',
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
      ? [{ at: 'challenge', says: 'A domain with a * can only be proved by a dns challenge.' }]
      : [],
  probes: args => {
    const { needs } = authenticator(args.challenge);
    return {
      certbot: program('certbot'),
      base: installedPackage('certbot'),
      plugin: installedPackage(authenticator(args.challenge).package),
      chain: content(`${live(args.name)}/fullchain.pem`),
      links: entries(live(args.name), { depth: 1 }),
      archive: entries(archive(args.name), { depth: 1 }),
      renewal: content(renewalConf(args.name)),
      dropIn: content(dropIn(args.name)),
      service: unit('certbot.service'),
      timer: unit('certbot.timer'),
      owed: owed(noteOf(args.name)),
      ...(args.ca_bundle !== undefined && { bundle: path(args.ca_bundle) }),
      ...(needs !== undefined && { proof: path(needs) }),
    };
  },
  actual: (read, args, { plannedS, nowS }) => {
    if (read.certbot === null) return noCertbot;
    const method = authenticator(args.challenge);
    // A certbot that is not Debian's brings its plugins in its own ways.
    if (read.base?.status === 'installed' && read.plugin?.status !== 'installed')
      return new Missing(`certbot's plugin for ${method.name}`, [`package:${method.package}`]);
    const chain = read.chain?.bytes ? readCertificate(read.chain.bytes) : null;
    const conf = read.renewal?.bytes?.toString();
    if (chain === null || conf === undefined || !isWhole(read.links, read.archive)) return null;
    const { dropIn, service, timer } = read;
    const bundle = args.ca_bundle ?? '';
    const valid = validity(chain, args.renew_before, plannedS ?? nowS);
    return {
      domains: chain.domains,
      valid: read.owed.length > 0 && valid === `more than ${args.renew_before}` ? unfinished : valid,
      key_type: chain.keyType,
      server: renewalValue(conf, 'server') ?? 'none',
      challenge: challengeOf(renewalValue(conf, 'authenticator'), renewalValue(conf, 'webroot_path')),
      deploy_hook: renewalValue(conf, 'renew_hook') ?? 'none',
      ca_bundle:
        dropIn?.bytes?.toString() === dropInText(bundle) && service.NeedDaemonReload !== 'yes'
          ? bundle
          : 'another',
      renewal_timer: timer.ActiveState === 'active' && timer.UnitFileState === 'enabled' ? 'on' : 'off',
    };
  },
  desired: ({ domains, renew_before, key_type, server, challenge, deploy_hook, ca_bundle }) => ({
    domains: [...new Set(domains.map(domain => domain.toLowerCase()))].sort(),
    valid: `more than ${renew_before}`,
    ...defined({ key_type }),
    server,
    challenge: challengeOf(authenticator(challenge).name, authenticator(challenge).needs),
    ...defined({ deploy_hook, ca_bundle }),
    renewal_timer: 'on',
  }),
  obstacles: (args, { bundle, proof, timer }, diff) => {
    const lacks = [
      bundle === null ? [args.ca_bundle] : [],
      proof === null ? [authenticator(args.challenge).needs] : [],
    ].flat();
    const broken = { masked: 'is masked', 'not-found': 'does not exist' }[`${timer.LoadState}`];
    return [
      ...(isNew(diff) ? lacks : []).map(file => ({
        says: `${file} does not exist, and the certificate cannot be issued without it.`,
        fix: 'Make it by a resource before this one.',
      })),
      ...(broken !== undefined && diff.has('renewal_timer')
        ? [{ says: `certbot.timer ${broken}, so nothing would renew the certificate.` }]
        : []),
    ];
  },
  steps: (diff, args, { renewal }, context) => {
    const note = noteOf(args.name);
    const conf = renewal?.bytes?.toString();
    const bundle = diff.has('ca_bundle') ? args.ca_bundle : undefined;
    const steps: Step[] = [];
    if (bundle !== undefined) steps.push(...trusting(args.name, bundle));
    if (isNew(diff)) {
      steps.push({ do: 'owe', unit: note, action: 'run', because: context.name });
      steps.push(issue(args, diff.kind === 'create'));
    } else {
      if (diff.has('deploy_hook') && conf !== undefined) {
        const content = withRenewalValue(conf, 'renew_hook', args.deploy_hook);
        steps.push({ do: 'write', path: renewalConf(args.name), content });
      }
      if (diff.has('valid')) steps.push(finish(args));
    }
    if (diff.has('valid') || isNew(diff)) steps.push({ do: 'pay', unit: note });
    if (diff.has('renewal_timer')) steps.push(startTimer);
    return steps;
  },
  removal: {
    actual({ certbot, links, renewal }) {
      if (links === null && renewal === null) return null;
      return certbot === null ? noCertbot : { certificate: true };
    },
  },
  remove: ({ name }, { renewal }) => [
    ...(renewal === null ? [] : [forget(name)]),
    { do: 'remove', path: live(name), recursive: true },
    { do: 'remove', path: archive(name), recursive: true },
    { do: 'remove', path: dropIn(name) },
    daemonReload,
    { do: 'pay', unit: noteOf(name) },
  ],
});

const noCertbot = new Missing('certbot', ['package:certbot']);

/** Whether a new certificate has to be issued. */
const isNew = ({ changes }: Diff): boolean =>
  changes.some(({ key, before }) => ofCertificate.includes(key) && before !== unfinished);

const hookEffects = (hook: string | undefined): Effect[] => (hook ? [{ on: 'anything', text: hook }] : []);

const challengeOf = (name = 'none', webroot = ''): string =>
  name === 'webroot' ? `webroot ${webroot}`.trim() : name;

const below = (path: string): Effect => ({ on: 'below', path });

/** Has the certificate issued. What a cut or a deletion left of one would make certbot issue it by another name. */
function issue(args: Arguments, isNew: boolean): Step {
  const { name, options } = authenticator(args.challenge);
  const words = (method: readonly string[]) =>
    shellCommand([
      ...['certbot', 'certonly', '--non-interactive', '--agree-tos', '--email', args.email, '--no-eff-email'],
      ...['--cert-name', args.name, ...args.domains.flatMap(domain => ['--domain', domain])],
      ...['--server', args.server, ...method],
      ...(args.key_type ? ['--key-type', args.key_type] : []),
      ...(args.deploy_hook ? ['--deploy-hook', args.deploy_hook] : []),
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
    ...defined({ env: args.ca_bundle ? { REQUESTS_CA_BUNDLE: args.ca_bundle } : undefined }),
    touches: [
      ...[live(args.name), archive(args.name), renewalConf(args.name), ...shared].map(below),
      ...hookEffects(args.deploy_hook),
    ],
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
    touches: hookEffects(hook),
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
