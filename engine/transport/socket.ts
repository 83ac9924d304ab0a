import { connect, type Socket } from 'node:net';
import { ProblemError } from '../problem.ts';
import { login } from './host-key.ts';
import type { Target } from './target.ts';

/** The server has sent nothing yet, so another attempt may help: a server with too many logins hangs up. */
export class NotYet extends ProblemError {}

/** Opens a TCP connection to the host's SSH port, without Nagle's delay. Rejects with a ProblemError `unreachable`. */
export function openSocket(host: Target): Promise<Socket> {
  const { address, port, connectTimeoutMs, family = 0 } = host;
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port, family, noDelay: true, autoSelectFamily: true });
    const refuse = (why: string, step: string, error?: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      socket.destroy();
      const tried = address === host.name ? `port ${port}` : `${address} port ${port}`;
      const cause = error === undefined ? {} : { cause: details(error) };
      const problem = {
        code: 'unreachable',
        message: `No connection to ${tried}: ${why}.`,
        hint: step,
        host: host.name,
      } as const;
      const Kind = ['ECONNREFUSED', 'ECONNRESET'].includes(error?.code ?? '') ? NotYet : ProblemError;
      reject(new Kind({ ...problem, ...cause }));
    };
    const timer = setTimeout(
      () => refuse(`no answer within ${connectTimeoutMs / 1000} s`, noWay(host)),
      connectTimeoutMs,
    );
    socket.once('error', (error: NodeJS.ErrnoException) => {
      const [why, step] = failures[error.code ?? ''] ?? [error.message, noWay];
      refuse(typeof why === 'string' ? why : why(host), step(host), error);
    });
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.removeAllListeners('error');
      resolve(joiningWrites(socket));
    });
  });
}

/** Sends everything that is written in one turn of the event loop together: ssh2 writes each packet in three pieces. */
function joiningWrites(socket: Socket): Socket {
  const write = socket.write.bind(socket) as (...given: unknown[]) => boolean;
  socket.write = (...given: unknown[]) => {
    if (socket.writableCorked === 0) {
      socket.cork();
      process.nextTick(() => socket.uncork());
    }
    return write(...given);
  };
  return socket;
}

type Words = (target: Target) => string;

const byHand = (target: Target) => `The same connection by hand:\n    ${login(target)} true`;
const noWay: Words = target =>
  `Check \`address\` of the host in the inventory, and the network and firewalls on the way. ${byHand(target)}`;
const noName: Words = ({ hop, name }) =>
  hop === undefined
    ? `Correct the name, or give the host its address in the inventory:\n    ${name}: { address: 203.0.113.11 }`
    : 'Correct the name of the jump host in the inventory or in ssh_config.';
const noServer: Words = target =>
  `Check that an SSH server runs there, and \`port\` of the host in the inventory. ${byHand(target)}`;

/** The reason and the next step for each error of the network. */
const failures: Readonly<Record<string, readonly [why: string | Words, step: Words]>> = {
  ECONNREFUSED: ['nothing listens there (connection refused)', noServer],
  ECONNRESET: ['the connection was reset', noServer],
  EHOSTUNREACH: ['there is no route to it', noWay],
  ENETUNREACH: ['its network cannot be reached from here', noWay],
  ETIMEDOUT: ['no answer', noWay],
  ENOTFOUND: [({ address }) => `the name "${address}" is not in the DNS`, noName],
  EAI_AGAIN: [({ address }) => `the DNS did not answer for "${address}"`, noName],
};

/** Returns the reason of a failure; of several addresses, the reason of each. */
function details(error: Error): string {
  return error instanceof AggregateError ? error.errors.map(each => each.message).join('\n') : error.message;
}
