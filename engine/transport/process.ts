import { spawn, spawnSync } from 'node:child_process';
import { userInfo } from 'node:os';
import type { Become, Host } from '../host.ts';
import { type Problem, ProblemError } from '../problem.ts';
import { shellCommand } from '../quote.ts';
import { startingWords } from './become.ts';
import type { ConnectOptions } from './connect-options.ts';
import type { Asked, Ending, Link, Shell } from './link.ts';
import { bootstrap } from './session-loop.ts';

type Words = readonly string[];
type Start = (host: Host, options: ConnectOptions, become: Become | undefined, asked?: Asked) => Words;

const inContainer =
  (engine: string): Start =>
  (host, _options, become) => [
    engine,
    'exec',
    '-i',
    ...userWords('-u', become?.user ?? host.user),
    host.address,
    ...bootstrap(),
  ];

/** The program of the controller that starts a shell, for each transport but `ssh`. */
const starts: Record<Exclude<Host['transport'], 'ssh'>, Start> = {
  local: (_host, _options, become, asked) => startingWords(become, asked),
  docker: inContainer('docker'),
  podman: inContainer('podman'),
  // systemd-run looks programs up on the controller and expands `$`.
  nspawn: (host, _options, become) => [
    ...['systemd-run', '-M', host.address, '--pipe', '--wait', '--quiet', '--collect'],
    ...userWords('--uid', become?.user ?? host.user),
    ...['--', ...bootstrap('/bin/sh').map(word => word.replaceAll('$', '$$$$'))],
  ],
  openssh: (host, options, become, asked) => [
    ...opensshWords(host, options),
    `exec ${shellCommand(startingWords(become, asked))}`,
  ],
};

function userWords(option: string, user: string | undefined): string[] {
  return user === undefined ? [] : [option, user];
}

/** Returns the words of the user's ssh, which reads ssh_config itself and asks nothing. Adds the inventory's settings. */
function opensshWords(host: Host, options: ConnectOptions, ...mode: string[]): string[] {
  const seconds = (ms: number) => Math.ceil(ms / 1000);
  const { connectTimeoutMs, keepaliveMs, knownHostsFiles, sshConfigFiles } = options;
  const set = (name: string, value: string | number | undefined) =>
    value === undefined ? [] : ['-o', `${name}=${value}`];
  // ssh takes the first value that it reads, so its files may set every value that is left out here.
  const checking = host.hostKeyChecking ?? undefined;
  return [
    ...['ssh', ...mode, '-T', '-o', 'BatchMode=yes'],
    ...(sshConfigFiles === undefined ? [] : ['-F', sshConfigFiles[0]?.path ?? 'none']),
    ...set('StrictHostKeyChecking', checking === 'strict' ? 'yes' : checking),
    ...set('ConnectTimeout', connectTimeoutMs && seconds(connectTimeoutMs)),
    ...set('ServerAliveInterval', seconds(keepaliveMs ?? 15_000)),
    ...set('UserKnownHostsFile', knownHostsFiles?.join(' ')),
    ...(host.identityFile ? ['-i', host.identityFile] : []),
    ...wayTo(host),
    ...['--', host.address],
  ];
}

function wayTo({ proxyJump, port, user }: Host): string[] {
  return [
    ...(proxyJump ? ['-J', proxyJump] : []),
    ...(port === undefined ? [] : ['-p', String(port)]),
    ...userWords('-l', user),
  ];
}

/** Asks ssh for the account of its login, because only ssh knows all of its settings. */
function opensshLogin(host: Host, options: ConnectOptions): string | undefined {
  if (host.user !== undefined) return host.user;
  const [program, ...args] = opensshWords(host, options, '-G');
  return /^user (.*)$/m.exec(spawnSync(program!, args, { encoding: 'utf8' }).stdout ?? '')?.[1];
}

/** A link whose shells are programs of the controller: `sh` itself, `ssh`, or a container engine. */
export function processLink(host: Host, options: ConnectOptions): Link {
  const start = starts[host.transport as keyof typeof starts];
  if (host.transport === 'openssh' && host.hostKey !== undefined)
    throw new ProblemError({
      code: 'invalid-value',
      message: 'Transport openssh cannot check "host_key"; transport ssh can.',
      host: host.name,
    });
  const login = {
    ...{ local: () => userInfo().username, openssh: () => opensshLogin(host, options) },
    ...{ docker: () => undefined, podman: () => undefined, nspawn: () => undefined },
  }[host.transport as keyof typeof starts]();
  return {
    login,
    asksPasswords: login !== undefined,
    hostKeyFingerprint: undefined,
    loginKey: undefined,
    open: (become, asked) => startProgram(host.name, start(host, options, become, asked), environment(host)),
    refusal: (ending, words) =>
      refusals[host.transport]?.({ ...host, ...(login && { user: login }) }, ending, words),
    close: async () => {},
  };
}

/** Returns the environment of a shell. A local one gets five variables, because the others may hold secrets. */
function environment(host: Host): NodeJS.ProcessEnv {
  const { HOME, USER, LOGNAME, SHELL, PATH } = process.env;
  return host.transport === 'local' ? { HOME, USER, LOGNAME, SHELL, PATH } : process.env;
}

/** Starts a program in a process group of its own, so that Ctrl-C reaches only the controller. */
export function startProgram(
  host: string,
  [program, ...args]: Words,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Shell> {
  const child = spawn(program!, args, { stdio: 'pipe', detached: true, env });
  const { stdin, stdout, stderr } = child;
  const { promise: ended, resolve: end } = withResolvers<Ending>();
  child.on('close', (code, signal) =>
    end({ ...(code === null ? {} : { code }), ...(signal ? { signal } : {}) }),
  );
  const destroy = () => {
    for (const stream of [stdin, stdout, stderr]) stream.destroy();
    child.kill('SIGKILL');
    child.unref();
    end({});
  };
  return new Promise((resolve, reject) => {
    child.once('spawn', () => resolve({ stdin, stdout, stderr, ended, destroy }));
    child.once('error', error => {
      const message = `"${program}" could not be started on this machine.`;
      reject(new ProblemError({ code: 'unreachable', message, host, cause: error.message }));
    });
  });
}

type Refusal = (host: Host, ending: Ending, words: string) => Problem | undefined;

const refusals: Partial<Record<Host['transport'], Refusal>> = {
  docker: containerRefusal,
  podman: containerRefusal,
  nspawn: containerRefusal,
  openssh: opensshRefusal,
};

function containerRefusal(host: Host, _ending: Ending, words: string): Problem {
  const message = `${host.transport} started no shell in "${host.address}".`;
  const hint =
    host.transport === 'nspawn'
      ? 'It has to be one of those that `machinectl list` shows, with systemd as its first process.'
      : `It has to be one of those that \`${host.transport} ps\` shows.`;
  return { code: 'unreachable', message, hint, host: host.name, cause: words };
}

function opensshRefusal(host: Host, ending: Ending, words: string): Problem | undefined {
  // ssh itself exits with 255, whatever the command was.
  if (ending.code !== 255) return undefined;
  const problem = { host: host.name, cause: words };
  if (/REVOKED HOST KEY|marked as revoked/i.test(words))
    return { ...problem, code: 'host-key-revoked', message: 'The host key is revoked by known_hosts.' };
  if (/REMOTE HOST IDENTIFICATION HAS CHANGED/.test(words))
    return {
      ...problem,
      code: 'host-key-changed',
      message: 'The host shows another key than the one recorded.',
    };
  if (/Host key verification failed|No \S+ host key is known/.test(words))
    return {
      ...problem,
      code: 'host-key-unknown',
      message: 'The host key is not in known_hosts.',
      hint: `Log in once by hand: ssh shows the fingerprint, and records the key when you have checked it.\n    ${shellCommand(['ssh', ...wayTo(host), host.address])}`,
    };
  if (/Permission denied \(/.test(words))
    return {
      ...problem,
      code: 'auth-failed',
      message: `The host did not let "${host.user}" in.`,
      hint: 'Transport openssh asks no questions: a key or a certificate has to let you in without a password.',
    };
  return {
    ...problem,
    code: 'unreachable',
    message: `ssh could not connect to ${host.address}${host.port === undefined ? '' : ` port ${host.port}`}.`,
  };
}

/** `Promise.withResolvers`, which Node 20 does not have. */
export function withResolvers<T>() {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>(settle => {
    resolve = settle;
  });
  return { promise, resolve };
}
