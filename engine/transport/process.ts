import { spawn } from 'node:child_process';
import { userInfo } from 'node:os';
import type { Become, Host } from '../host.ts';
import { type Problem, ProblemError } from '../problem.ts';
import { shellCommand } from '../quote.ts';
import { becomeWords } from './become.ts';
import type { ConnectOptions } from './index.ts';
import type { Ending, Link, Shell } from './link.ts';
import { bootstrap } from './loop.ts';

type Words = readonly string[];
type Start = (host: Host, become: Become | undefined, options: ConnectOptions) => Words;

const asItself = (become: Become | undefined, words: Words): Words =>
  become === undefined ? words : becomeWords(become, words);

const inContainer =
  (engine: string): Start =>
  (host, become) => [
    engine,
    'exec',
    '-i',
    ...(become ? ['-u', become.user] : []),
    host.address,
    ...bootstrap(),
  ];

/** How each transport but `ssh` starts a shell: as a program of the controller. */
const starts: Record<Exclude<Host['transport'], 'ssh'>, Start> = {
  local: (_host, become) => asItself(become, bootstrap()),
  docker: inContainer('docker'),
  podman: inContainer('podman'),
  // systemd-run looks programs up on the controller and expands `$`.
  nspawn: (host, become) => [
    ...['systemd-run', '-M', host.address, '--pipe', '--wait', '--quiet', '--collect'],
    ...(become ? [`--uid=${become.user}`] : []),
    ...['--', ...bootstrap('/bin/sh').map(word => word.replaceAll('$', '$$$$'))],
  ],
  openssh: (host, become, options) => [
    ...['ssh', '-T', '-o', 'BatchMode=yes'],
    ...['-o', `StrictHostKeyChecking=${options.strictHostKeys === false ? 'accept-new' : 'yes'}`],
    ...['-o', `ConnectTimeout=${Math.ceil((options.connectTimeoutMs ?? 10_000) / 1000)}`],
    ...['-o', `ServerAliveInterval=${Math.ceil((options.keepaliveMs ?? 15_000) / 1000)}`],
    ...(options.knownHostsFiles ? ['-o', `UserKnownHostsFile=${options.knownHostsFiles.join(' ')}`] : []),
    ...(host.identityFile ? ['-i', host.identityFile] : []),
    ...(host.proxyJump ? ['-J', host.proxyJump] : []),
    ...['-p', String(host.port), '-l', host.user, '--', host.address],
    `exec ${shellCommand(asItself(become, bootstrap()))}`,
  ],
};

/** A host whose shells are programs of the controller: `sh` itself, `ssh`, or a container engine. */
export function processLink(host: Host, options: ConnectOptions): Link {
  const start = starts[host.transport as keyof typeof starts];
  if (host.transport === 'openssh' && host.hostKey !== undefined)
    throw new ProblemError({
      code: 'invalid-value',
      message: 'Transport openssh cannot check "host_key"; transport ssh can.',
      host: host.name,
    });
  return {
    login: { local: userInfo().username, openssh: host.user }[host.transport as string],
    hostKeyFingerprint: undefined,
    open: become => startProgram(host.name, start(host, become, options), environment(host)),
    refusal: (ending, words) => refusals[host.transport]?.(host, ending, words),
    close: async () => {},
  };
}

/** Secrets may come from the controller's environment. Other transports leave it behind by themselves. */
function environment(host: Host): NodeJS.ProcessEnv {
  const { HOME, USER, LOGNAME, SHELL, PATH } = process.env;
  return host.transport === 'local' ? { HOME, USER, LOGNAME, SHELL, PATH } : process.env;
}

/** Starts a program in a process group of its own, so that Ctrl-C reaches the controller alone. */
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
  return { code: 'unreachable', message, host: host.name, cause: words };
}

function opensshRefusal(host: Host, ending: Ending, words: string): Problem | undefined {
  // ssh itself exits with 255, whatever the command was.
  if (ending.code !== 255) return undefined;
  const problem = { host: host.name, cause: words };
  if (/REMOTE HOST IDENTIFICATION HAS CHANGED|REVOKED HOST KEY/.test(words))
    return {
      ...problem,
      code: 'host-key-changed',
      message: 'The host shows another key than the one recorded.',
    };
  if (/Host key verification failed|No \S+ host key is known/.test(words))
    return { ...problem, code: 'host-key-unknown', message: 'The host key is not in known_hosts.' };
  if (/Permission denied \(/.test(words))
    return { ...problem, code: 'auth-failed', message: `The host did not let "${host.user}" in.` };
  return {
    ...problem,
    code: 'unreachable',
    message: `ssh could not connect to ${host.address} port ${host.port}.`,
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
