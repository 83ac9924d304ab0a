import { connect, type Socket } from 'node:net';
import type { Host } from '../host.ts';
import { ProblemError } from '../problem.ts';

/** A TCP connection to the host's SSH port, without Nagle's delay. Rejects with a ProblemError `unreachable`. */
export function openSocket(host: Host, timeoutMs: number): Promise<Socket> {
  const { address, port } = host;
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port, noDelay: true, autoSelectFamily: true });
    const refuse = (why: string, cause?: string) => {
      clearTimeout(timer);
      socket.destroy();
      const tried = address === host.name ? `port ${port}` : `${address} port ${port}`;
      const message = `No connection to ${tried}: ${why}.`;
      reject(
        new ProblemError({ code: 'unreachable', message, host: host.name, ...(cause ? { cause } : {}) }),
      );
    };
    const timer = setTimeout(() => refuse(`no answer within ${timeoutMs / 1000} s`), timeoutMs);
    socket.once('error', error => refuse(sentence(error), details(error)));
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

/** With several addresses each has failed in its own way. */
function details(error: Error): string {
  return error instanceof AggregateError ? error.errors.map(each => each.message).join('\n') : error.message;
}
