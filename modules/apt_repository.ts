import { defineModule } from '../engine/module-kit/define-module.ts';
import { pathClaims } from '../engine/module-kit/path-claims.ts';
import { command, content, installedPackage, path } from '../engine/probe.ts';
import type { Step } from '../engine/step.ts';
import * as its from './_apt-repository.ts';
import * as sources from './_apt-sources.ts';
import { readKeyring } from './_openpgp.ts';

/** A repository is tried before anything of it is written: a source that apt cannot use would break every later apt. */
export const apt_repository = defineModule({
  name: 'apt_repository',
  summary: 'A package repository: its source, the key that signs it, and the priority of its packages.',
  args: its.args,
  required: ['name'],
  absent: 'removes its source, key and pin',
  alternatives: { inline: ['key'], file: ['src'], 'on the host': ['signed_by'] },
  together: [
    'The `apt` resource after it refreshes the package lists.',
    'A login belongs into a file of /etc/apt/auth.conf.d, not into `uris`.',
  ],
  examples: {
    'A vendor’s repository, whose key the host fetches': {
      name: 'docker',
      uris: ['https://download.docker.com/linux/debian'],
      suites: ['bookworm'],
      components: ['stable'],
      key: {
        url: 'https://download.docker.com/linux/debian/gpg',
        fingerprint: '9DC8 5822 9FC7 DD38 854A E2D8 8D81 803C 0EBF CD88',
      },
    },
    'Debian’s backports, for some packages': {
      name: 'backports',
      uris: ['http://deb.debian.org/debian'],
      suites: ['bookworm-backports'],
      components: ['main'],
      signed_by: '/usr/share/keyrings/debian-archive-keyring.gpg',
      pin: { packages: ['golang-*'], release: 'n=bookworm-backports', priority: 600 },
    },
    'A PPA of Launchpad, whose key is on a key server': {
      name: 'deadsnakes',
      uris: ['https://ppa.launchpadcontent.net/deadsnakes/ppa/ubuntu'],
      suites: ['noble'],
      components: ['main'],
      key: {
        url: 'https://keyserver.ubuntu.com/pks/lookup?op=get&search=0xF23C5A6CF475977595C89F51BA6932366A755776',
        fingerprint: 'F23C5A6CF475977595C89F51BA6932366A755776',
      },
    },
    'In the place of an older file, with the key beside the playbook': {
      name: 'vendor',
      uris: ['https://apt.example.com'],
      suites: ['./'],
      src: 'vendor.asc',
      replaces: ['/etc/apt/sources.list.d/vendor.list'],
    },
    Removed: { name: 'docker', state: 'absent' },
  },
  identity: ({ name }) => name,
  files: { src: 'src' },
  secrets: {
    in: [],
    instead:
      'Every account can read a source of apt. Put a login into a `file` in /etc/apt/auth.conf.d, with mode: "0600".',
  },
  refine: args => {
    const { name, uris = [], suites = [], components = [], key, src, signed_by, options = {}, pin } = args;
    const { replaces = [] } = args;
    const ring = typeof key === 'string' ? readKeyring(key) : undefined;
    const isPath = (suite: string) => suite.endsWith('/');
    const ways = pin && [pin.release, pin.origin, pin.version].filter(each => each !== undefined);
    const field = Object.keys(options).find(each => its.own.has(each.toLowerCase()) || its.unsafe.test(each));
    return [
      uris.length === 0 && { says: 'Give uris.' },
      suites.length === 0 && { says: 'Give suites.' },
      ['debian', 'ubuntu'].includes(name) && {
        at: 'name',
        says: `${name}.sources belongs to the distribution: choose another name.`,
      },
      key === undefined &&
        src === undefined &&
        signed_by === undefined && {
          says: 'Give key, src or signed_by. Debian’s own keyring is /usr/share/keyrings/debian-archive-keyring.gpg.',
        },
      typeof ring === 'string' && { at: 'key', says: `The key ${ring}.` },
      suites.some(isPath) &&
        components.length > 0 && { at: 'components', says: 'A suite that is a path has no components.' },
      suites.some(suite => !isPath(suite)) &&
        components.length === 0 && { at: 'suites', says: 'Give components.' },
      uris.some(uri => uri.startsWith('ppa:')) && {
        at: 'uris',
        says: 'A PPA is no address: write https://ppa.launchpadcontent.net/OWNER/PPA/ubuntu, and a key with the fingerprint that the page of the PPA shows.',
      },
      replaces.some(file => /\/(debian|ubuntu)\.sources$/.test(file)) && {
        at: 'replaces',
        says: 'The sources of the distribution stay: declare other sources beside them.',
      },
      uris.some(uri => /\/\/[^/]*@/.test(uri)) && {
        at: 'uris',
        says: 'Every account can read a source. Put the login into a file of /etc/apt/auth.conf.d.',
      },
      field !== undefined && {
        at: 'options',
        says: its.unsafe.test(field)
          ? `${field} turns off what keys protect from.`
          : `${field} has an argument of its own.`,
      },
      ways && ways.length !== 1 && { at: 'pin', says: 'Give one of release, origin and version.' },
      pin?.priority === 0 && { at: 'pin', says: 'apt takes no priority of 0.' },
    ];
  },
  probes: args => {
    const { name, uris = [], signed_by, replaces = [], pin } = args;
    const isHttps = [...uris, its.fetchedKey(args)?.url ?? ''].some(each => each.startsWith('https:'));
    return {
      ...its.ownProbes(name, pin !== undefined, signed_by === undefined),
      ...Object.fromEntries(replaces.map(file => [file, path(file)])),
      folder: path('/etc/apt/keyrings'),
      needsOs: content('/etc/os-release'),
      needsApt: installedPackage('apt'),
      needsSources: command(sources.printSources, {
        about: ['/etc/apt/sources.list', its.sourcesFolder],
      }),
      needsCertificates: isHttps ? path('/etc/ssl/certs/ca-certificates.crt') : undefined,
    };
  },
  actual: (read, args, { nowS }) => {
    const found = read as its.Found;
    if (!found.source || found.sourceAt?.type !== 'file') return null;
    const [stanza = new Map<string, string>(), ...more] = sources.parseStanzas(its.textIn(found.source));
    const ring = its.ringOf(found.keyring);
    const [pin = new Map<string, string>(), ...morePins] = sources.parseStanzas(its.textIn(found.pin));
    return {
      types: sources.itemsOf(stanza.get('types')),
      uris: sources.itemsOf(stanza.get('uris')).map(sources.bareUri),
      suites: sources.itemsOf(stanza.get('suites')),
      components: sources.itemsOf(stanza.get('components')),
      architectures: sources.itemsOf(stanza.get('architectures')),
      signed_by: stanza.get('signed-by')?.replace(/^-----BEGIN.*/, 'a key in the file'),
      enabled: sources.isEnabled(stanza),
      'other fields': its.otherFields(stanza),
      'other stanzas': more.length,
      key:
        typeof ring === 'object' ? its.shownKeys(ring, nowS) : found.keyring ? [`a file that ${ring}`] : [],
      'content of the key': typeof ring === 'object' ? its.digestOf(ring) : undefined,
      permissions: its.opened(found, args),
      pin: [its.pinLine(pin), ...morePins.map(its.pinLine)].filter(Boolean),
      replaced: (args.replaces ?? []).filter(file => read[file]),
    };
  },
  desired: (args, read) => {
    const { types, uris = [], suites = [], components = [], architectures, enabled, replaces } = args;
    const found = read as its.Found | undefined;
    const [stanza, ...more] = sources.parseStanzas(its.textIn(found?.source));
    const given = its.givenKey(args);
    const ring = its.ringOf(found?.keyring);
    const options = its.otherFields(sources.parseStanzas(its.renderOptions(args))[0]);
    const hasSameKeys =
      typeof given === 'object' &&
      typeof ring === 'object' &&
      its.keysOf(given).join() === its.keysOf(ring).join();
    return {
      types: types.toSorted(),
      uris: uris.map(sources.bareUri).toSorted(),
      suites: suites.toSorted(),
      components: components.length > 0 || stanza?.has('components') ? components.toSorted() : undefined,
      architectures: architectures?.toSorted() ?? (stanza?.has('architectures') ? [] : undefined),
      signed_by: its.keyringOf(args),
      enabled,
      'other fields': options.length > 0 || its.otherFields(stanza).length > 0 ? options : undefined,
      'other stanzas': more.length > 0 ? 0 : undefined,
      key: typeof given === 'object' ? its.keysOf(given) : its.fetchedKey(args)?.fingerprints,
      // A vendor renews a key, or adds a subkey, under the same fingerprint.
      'content of the key': hasSameKeys ? its.digestOf(given) : undefined,
      permissions: found && its.opened(found, args).length > 0 ? [] : undefined,
      pin: args.pin && [its.pinLine(sources.parseStanzas(its.renderPin(args))[0]!)],
      replaced: replaces && [],
    };
  },
  obstacles: (args, read, diff) => {
    if (diff.kind === 'remove') return [];
    const { uris = [], suites = [], replaces = [], any_suite, src, enabled } = args;
    const given = its.givenKey(args);
    const os = sources.osRelease(its.textIn(read.needsOs));
    const foreign = any_suite
      ? undefined
      : suites.find(suite => its.isForeign(suite, os['VERSION_CODENAME']));
    const all = sources.parseSources(read.needsSources?.stdout ?? '');
    const signedBy = its.keyringOf(args);
    // From 3.0 on, apt takes a source without Signed-By beside one with it.
    const isOld = /^[12]\./.test(read.needsApt?.version ?? '');
    const others = all.filter(
      one =>
        ![its.sourceOf(args.name), ...replaces].includes(one.file) &&
        uris.map(sources.bareUri).includes(one.uri) &&
        suites.includes(one.suite),
    );
    const other = others.find(one => one.signedBy !== signedBy && (one.signedBy !== '' || isOld));
    const twice = others.find(one => its.isTwice(one, args));
    const removed = ({ file }: sources.Source) =>
      file.startsWith(`${its.sourcesFolder}/`)
        ? `Remove it, with replaces: [${file}].`
        : 'Remove it from that file in an earlier resource.';
    return [
      typeof given === 'string' && { says: `The file ${src} ${given}.` },
      foreign !== undefined && {
        says: `The suite ${foreign} belongs to another release than the host’s, ${os['VERSION_CODENAME']}.`,
        fix: 'Use {{ facts.os.codename }}, or set any_suite: true.',
      },
      enabled &&
        other && {
          says: `${other.file} has ${other.suite} of ${other.uri} with another Signed-By: apt would refuse all sources.`,
          fix: removed(other),
        },
      enabled &&
        !other &&
        twice && {
          says: `${twice.file} has ${[twice.suite, ...twice.components].join(' ')} of ${twice.uri} already: apt would warn at every run that it is configured several times.`,
          fix: removed(twice),
        },
      its.isTried(diff) &&
        read.needsCertificates === null && {
          says: 'The host trusts no certificate, so apt cannot fetch from https addresses.',
          fix: 'Install ca-certificates in an earlier resource.',
        },
    ];
  },
  steps: (diff, args, read) => {
    const { name, replaces = [] } = args;
    const given = its.givenKey(args);
    const isNewKey = diff.has('key') || diff.has('content of the key');
    const isFetched = diff.has('key') && its.fetchedKey(args) !== undefined;
    const isOpened = diff.has('permissions') ? its.opened(read as its.Found, args) : [];
    const isSourceNew = diff.changes.some(({ key }) => its.ofSource.has(key));
    return [
      its.isTried(diff) &&
        read.folder === null && { do: 'directory', path: '/etc/apt/keyrings', mode: '0755' },
      its.isTried(diff) && its.trial(args, isNewKey, isFetched),
      // Its undoing is that of the fetched key, too.
      isFetched && { do: 'attributes', path: its.keyOf(name), ...its.root },
      isNewKey &&
        typeof given === 'object' && {
          do: 'write',
          path: its.keyOf(name),
          content: given.bytes,
          ...its.root,
        },
      isSourceNew && {
        do: 'write',
        path: its.sourceOf(name),
        content: its.render(args),
        ...its.root,
      },
      diff.has('pin') && {
        do: 'write',
        path: its.pinOf(name),
        content: its.renderPin(args),
        ...its.root,
      },
      isOpened.map((each): Step => ({ do: 'attributes', path: each.split(' ')[0]!, ...its.root })),
      replaces.filter(file => read[file as 'folder']).map((file): Step => ({ do: 'remove', path: file })),
    ];
  },
  removal: {
    probes: ({ name }) => its.ownProbes(name, true, true),
    actual: ({ sourceAt, keyringAt, pinAt }) =>
      (sourceAt ?? keyringAt ?? pinAt) ? { source: !!sourceAt, key: !!keyringAt, pin: !!pinAt } : null,
    claims: ({ name }) =>
      Object.assign(
        {},
        ...[its.sourceOf, its.keyOf, its.pinOf].map(each => pathClaims(each(name), 'nothing')),
      ),
  },
  remove: ({ name }, read) => {
    const { sourceAt, keyringAt, pinAt } = read as its.Found;
    return [
      sourceAt && { do: 'remove', path: its.sourceOf(name) },
      keyringAt && { do: 'remove', path: its.keyOf(name) },
      pinAt && { do: 'remove', path: its.pinOf(name) },
    ];
  },
  claims: args => {
    const { name, signed_by, pin, replaces = [] } = args;
    return {
      ...its.sourceClaims(args),
      ...pathClaims(its.sourceOf(name), 'file', its.root),
      ...(signed_by === undefined && pathClaims(its.keyOf(name), 'file', its.root)),
      ...(pin && pathClaims(its.pinOf(name), 'file', its.root)),
      ...Object.assign({}, ...replaces.map(file => pathClaims(file, 'nothing'))),
    };
  },
});
