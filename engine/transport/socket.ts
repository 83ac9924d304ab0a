import { connect, type Socket } from 'node:net';
import { ProblemError } from '../problem.ts';
import type { Target } from './target.ts';

/** The server has sent nothing yet, so another attempt may help: a server with too many logins hangs up. */
export class NotYet extends ProblemError {}

/** Opens a TCP connection to the host's SSH port, without Nagle's delay. Rejects with a ProblemError `unreachable`. */
export function openSocket(host: Target): Promise<Socket> {
  const { address, port, connectTimeoutMs, family = 0 } = host;
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port, family, noDelay: true, autoSelectFamily: true });
    const refuse = (why: string, error?: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      socket.destroy();
      const tried = address === host.name ? `port ${port}` : `${address} port ${port}`;
      const cause = error === undefined ? {} : { cause: details(error) };
      const problem = {
        code: 'unreachable',
        message: `No connection to ${tried}: ${why}.`,
        host: host.name,
      } as const;
      const Kind = ['ECONNREFUSED', 'ECONNRESET'].includes(error?.code ?? '') ? NotYet : ProblemError;
      reject(new Kind({ ...problem, ...cause }));
    };
    const timer = setTimeout(() => refuse(`no answer within ${connectTimeoutMs / 1000} s`), connectTimeoutMs);
    socket.once('error', error => refuse(sentence(error), error));
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.removeAllListeners('error');
      resolve(socket);
    });
  });
}

const sentences: Record<string, string> = {
  ECONNREFUSED: 'nothing listens there (connection refused)',
  ECONNRESET: 'the connection was reset',
  EHOSTUNREACH: 'there is no route to it',
  ENETUNREACH: 'its network cannot be reached from here',
  ETIMEDOUT: 'no answer',
  ENOTFOUND: 'the name is not in the DNS',
  EAI_AGAIN: 'the DNS did not answer',
};

function sentence(error: NodeJS.ErrnoException): string {
  return sentences[error.code ?? ''] ?? error.message;
}

/** Returns the reason of a failure; of several addresses, the reason of each. */
function details(error: Error): string {
  return error instanceof AggregateError ? error.errors.map(each => each.message).join('\n') : error.message;
}
