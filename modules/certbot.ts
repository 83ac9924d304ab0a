import type { Effect } from '../engine/effect.ts';
import type { Diff } from '../engine/module.ts';
import { duration, listOf, oneOf, text } from '../engine/module-kit/argument.ts';
import { defineModule, type Given } from '../engine/module-kit/define-module.ts';
import { content, entries, installedPackage, Missing, owed, path, program, unit } from '../engine/probe.ts';
import { shellCommand, shellQuote } from '../engine/quote.ts';
import type { Step } from '../engine/step.ts';
import { daemonReload, readable } from '../engine/steps/unit-steps.ts';
import { compact, defined } from '../engine/util/defined.ts';
import { filled, scriptBeside } from '../engine/util/text-beside.ts';
import * as certificates from './_certbot.ts';
import { acmeRoot } from './_nginx.ts';

const args = {
  name: text('Name of the certificate, whose files are in /etc/letsencrypt/live/NAME.', {
    pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$',
  }),
  domains: listOf(
    { type: 'string' },
    'Names for which the certificate is valid; the first is its common name.',
    { minItems: 1 },
  ),
  email: text('Contact address for the authority, which receives it when the account is created.', {
    pattern: '^[^@\\s]+@[^@\\s]+$',
  }),
  challenge: certificates.challenge,
  server: text('URL of the authority’s ACME directory.', {
    pattern: '^https?://',
    default: 'https://acme-v02.api.letsencrypt.org/directory',
  }),
  ca_bundle: text(
    'File on the host with the certificates that certify the server of a private authority, also at renewals.',
    { pattern: '^/[^"\\\\%\\s]*$' },
  ),
  key_type: oneOf(['ecdsa', 'rsa'], 'Kind of key; default: certbot’s own.'),
  renew_before: duration(
    'Time between the renewal and the end of the certificate. No certificate is renewed in the first two thirds of its lifetime.',
    { default: '30d' },
  ),
  deploy_hook: text(
    'Command to run after each issue and renewal of the certificate, e.g. `systemctl reload nginx`.',
    { minLength: 1, pattern: '^[^\\n]*$' },
  ),
} as const;
type Arguments = Given<typeof args, 'name' | 'domains' | 'email'>;

/** Returns the paths of a certificate and of its settings. */
const placesOf = ({ name }: { name: string }) => ({
  live: `/etc/letsencrypt/live/${name}`,
  archive: `/etc/letsencrypt/archive/${name}`,
  renewal: `/etc/letsencrypt/renewal/${name}.conf`,
  dropIn: `/etc/systemd/system/certbot.service.d/ca-of-${name}.conf`,
  /** The note of an issue. While it exists, the hook after the issue may not have run. */
  note: `certbot:${name}`,
});

const unfinished = 'not seen to be finished';

export const certbot = defineModule({
  name: 'certbot',
  summary: 'A certificate of an ACME authority such as Let’s Encrypt, kept valid by certbot.',
  args,
  required: ['name', 'domains', 'email'],
  absent: 'deletes it, its key and its renewal, but does not revoke it',
  examples: {
    'A certificate for Nginx': {
      name: 'example.com',
      domains: ['example.com', 'www.example.com'],
      email: 'admin@example.com',
      deploy_hook: 'systemctl reload nginx',
    },
    'From a private authority, by files in a folder': {
      name: 'app.internal',
      domains: ['app.internal'],
      email: 'admin@example.com',
      challenge: { webroot: '/var/www/html' },
      server: 'https://ca.internal/acme/directory',
      ca_bundle: '/etc/ssl/certs/internal-ca.pem',
    },
  },
  identity: ({ name }) => name,
  refine: ({ domains, challenge }) => [
    ...domains.map(domain => {
      const url = `http://${domain.replace(/\.$/, '')}`;
      const name = URL.canParse(url) ? new URL(url).hostname : '';
      return (
        (domain.endsWith('.') || /[^ -~]/.test(domain)) && {
          at: 'domains',
          says: `The domain ${domain} has ${domain.endsWith('.') ? 'a dot at its end' : 'letters beyond ASCII'}.${name && ` Write ${name}.`}`,
        }
      );
    }),
    domains.some(domain => domain.startsWith('*.')) &&
      !certificates.authenticator(challenge).name.startsWith('dns-') && {
        at: 'challenge',
        says: 'A domain with a * requires a dns challenge.',
      },
  ],
  probes: args => {
    const { live, archive, renewal, dropIn, note } = placesOf(args);
    const method = certificates.authenticator(args.challenge);
    return {
      certbot: program('certbot'),
      base: installedPackage('certbot'),
      plugin: installedPackage(method.package),
      chain: content(`${live}/fullchain.pem`),
      links: entries(live, { depth: 1 }),
      archive: entries(archive, { depth: 1 }),
      renewal: content(renewal),
      dropIn: content(dropIn),
      service: unit('certbot.service'),
      timer: unit('certbot.timer'),
      owed: owed(note),
      bundle: args.ca_bundle === undefined ? undefined : path(args.ca_bundle),
      proof: method.needs === undefined ? undefined : path(method.needs),
    };
  },
  actual: (read, { challenge, renew_before, ca_bundle = '' }, { plannedS, nowS }) => {
    const { base, plugin, dropIn, service, timer } = read;
    if (read.certbot === null) return noCertbot;
    const method = certificates.authenticator(challenge);
    // A certbot from elsewhere than Debian has its own ways to install plugins.
    if (base?.status === 'installed' && plugin?.status !== 'installed')
      return Missing.fromPackages(`certbot's plugin for ${method.name}`, method.package);
    const chain = read.chain?.bytes ? certificates.readCertificate(read.chain.bytes) : null;
    const conf = read.renewal?.bytes?.toString();
    if (chain === null || conf === undefined || !certificates.isWhole(read.links, read.archive)) return null;
    const valid = certificates.validity(chain, renew_before, plannedS ?? nowS);
    const isTrusted =
      dropIn?.bytes?.toString() === dropInText(ca_bundle) && service.NeedDaemonReload !== 'yes';
    return {
      domains: chain.domains,
      valid: read.owed.length > 0 && valid.startsWith('more') ? unfinished : valid,
      key_type: chain.keyType,
      server: certificates.renewalValue(conf, 'server') ?? 'none',
      challenge: challengeOf(
        certificates.renewalValue(conf, 'authenticator'),
        certificates.renewalValue(conf, 'webroot_path'),
      ),
      deploy_hook: certificates.renewalValue(conf, 'renew_hook') ?? 'none',
      ca_bundle: isTrusted ? ca_bundle : 'another',
      renewal_timer: timer.ActiveState === 'active' && timer.UnitFileState === 'enabled' ? 'on' : 'off',
    };
  },
  desired: ({ domains, renew_before, key_type, server, challenge, deploy_hook, ca_bundle }) => ({
    domains: [...new Set(domains.map(domain => domain.toLowerCase()))].sort(),
    valid: `more than ${renew_before}`,
    key_type,
    server,
    challenge: challengeOf(
      certificates.authenticator(challenge).name,
      certificates.authenticator(challenge).needs,
    ),
    deploy_hook,
    ca_bundle,
    renewal_timer: 'on',
  }),
  obstacles: (args, { bundle, proof, timer }, diff) => {
    const broken = { masked: 'is masked', 'not-found': 'does not exist' }[`${timer.LoadState}`];
    const { needs } = certificates.authenticator(args.challenge);
    const lacks = compact([bundle === null && args.ca_bundle, proof === null && needs]);
    return [
      needsIssue(diff) &&
        lacks.map(file => ({
          says: `${file} does not exist, and the certificate cannot be issued without it.`,
          fix: 'Create it in an earlier resource.',
        })),
      broken !== undefined &&
        diff.has('renewal_timer') && {
          says: `certbot.timer ${broken}, so nothing would renew the certificate.`,
        },
    ];
  },
  steps: (diff, args, read, context) => {
    const { note, renewal, dropIn } = placesOf(args);
    const { ca_bundle, deploy_hook } = args;
    const isNew = needsIssue(diff);
    const conf = read.renewal?.bytes?.toString();
    return [
      diff.has('ca_bundle') &&
        ca_bundle !== undefined && [
          { do: 'directory', path: '/etc/systemd/system/certbot.service.d' },
          { do: 'write', path: dropIn, content: dropInText(ca_bundle), ...readable },
          daemonReload,
        ],
      isNew && [
        { do: 'owe', unit: note, action: 'run', because: context.name },
        issue(args, diff.kind === 'create'),
      ],
      !isNew &&
        diff.has('deploy_hook') &&
        conf !== undefined && {
          do: 'write',
          path: renewal,
          content: certificates.withRenewalValue(conf, 'renew_hook', deploy_hook),
        },
      !isNew && diff.has('valid') && finish(args),
      (isNew || diff.has('valid')) && { do: 'pay', unit: note },
      diff.has('renewal_timer') && startTimer,
    ];
  },
  removal: {
    actual: ({ certbot, links, renewal }) =>
      links === null && renewal === null ? null : certbot === null ? noCertbot : { certificate: true },
  },
  remove: (args, read) => {
    const { live, archive, renewal, dropIn, note } = placesOf(args);
    return [
      read.renewal !== null && {
        do: 'run',
        command: ['certbot', 'delete', '--non-interactive', '--cert-name', args.name],
        touches: [{ kind: 'removal', path: renewal }],
      },
      { do: 'remove', path: live, recursive: true },
      { do: 'remove', path: archive, recursive: true },
      { do: 'remove', path: dropIn },
      daemonReload,
      { do: 'pay', unit: note },
    ];
  },
});

const noCertbot = Missing.fromPackages('certbot', 'certbot');

/** The keys that only a new certificate can change. */
const ofCertificate = ['domains', 'valid', 'key_type', 'server', 'challenge'];

const needsIssue = ({ changes }: Diff): boolean =>
  changes.some(({ key, before }) => ofCertificate.includes(key) && before !== unfinished);

const challengeOf = (name = 'none', webroot = ''): string =>
  name === 'webroot' ? `webroot ${webroot}`.trim() : name;

const dropInText = (bundle: string) =>
  `# Written by reconcile (certbot): renewals trust this authority.\n[Service]\nEnvironment="REQUESTS_CA_BUNDLE=${bundle}"\n`;

const running = { LoadState: 'loaded', ActiveState: 'active', SubState: 'waiting', UnitFileState: 'enabled' };
const startTimer: Step = {
  do: 'run',
  command: ['systemctl', 'enable', '--now', 'certbot.timer'],
  touches: [{ kind: 'unit', name: 'certbot.timer', sets: running }],
};

const hookEffects = (hook: string | undefined): Effect[] => (hook ? [{ kind: 'anything', text: hook }] : []);

/** Gets the certificate issued, after removing remains of a cut: with them, certbot would issue it under another name. */
function issue(args: Arguments, isNew: boolean): Step {
  const { key_type, deploy_hook, ca_bundle } = args;
  const { live, archive, renewal } = placesOf(args);
  const method = certificates.authenticator(args.challenge);
  const certonly = (options: readonly string[]) =>
    shellCommand(
      compact([
        ['certbot', 'certonly', '--non-interactive', '--agree-tos', '--email', args.email, '--no-eff-email'],
        ['--cert-name', args.name, ...args.domains.flatMap(domain => ['--domain', domain])],
        ['--server', args.server, ...options],
        key_type !== undefined && ['--key-type', key_type],
        deploy_hook !== undefined && ['--deploy-hook', deploy_hook],
        [isNew ? '--keep-until-expiring' : '--force-renewal', '--renew-with-new-domains'],
      ]),
    );
  const conf = shellQuote(renewal);
  const plugin = certonly(method.options);
  const webroot = certonly(['--webroot', '--webroot-path', acmeRoot]);
  const byNginx = () =>
    filled(nginxScript, { plugin, webroot, standalone: certonly(['--standalone']), conf });
  const shared = ['accounts', 'options-ssl-nginx.conf', 'ssl-dhparams.pem'];
  const written = [live, archive, renewal, ...shared.map(name => `/etc/letsencrypt/${name}`)];
  const [chain, key] = ['fullchain.pem', 'privkey.pem'].map(file => shellQuote(`${live}/${file}`));
  return {
    do: 'run',
    label: plugin,
    command: `[ ! -s ${conf} ] || certbot update_symlinks >/dev/null 2>&1
[ -s ${conf} ] && [ -s ${chain} ] && [ -s ${key} ] || rm -rf -- ${shellCommand([renewal, live, archive])}
${method.name === 'nginx' ? byNginx() : plugin}`,
    ...defined({ env: ca_bundle ? { REQUESTS_CA_BUNDLE: ca_bundle } : undefined }),
    touches: [...written.map(path => ({ kind: 'below', path }) as const), ...hookEffects(deploy_hook)],
  };
}

const nginxScript = scriptBeside(import.meta.url, './certbot-by-nginx.sh');

/** Finishes an issue that was cut off after the certificate was written: runs the hook and removes certbot's locks. */
function finish(args: Arguments): Step {
  const { domains, deploy_hook: hook } = args;
  const folders = ['/etc/letsencrypt', '/var/lib/letsencrypt', '/var/log/letsencrypt', '/etc/nginx'];
  const locks = folders.map(folder => `${folder}/.certbot.lock`).join(' ');
  return {
    do: 'run',
    label: hook ?? 'rm .certbot.lock',
    command: `grep -qsx certbot /proc/[0-9]*/comm || rm -f -- ${locks}\n${hook ?? ''}`,
    env: { RENEWED_LINEAGE: placesOf(args).live, RENEWED_DOMAINS: domains.join(' ') },
    touches: hookEffects(hook),
  };
}
