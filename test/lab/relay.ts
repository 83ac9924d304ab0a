import { connect, createServer, type Socket } from 'node:net';

/**
 * A TCP relay on loopback in front of a host: it counts how often the talk turns, can hold every chunk back,
 * and can break.
 */
export interface Relay {
  port: number;
  /** Number of times that the client spoke after the server, or first, since the last `reset`. */
  turns(): number;
  reset(): void;
  /** Breaks the connections that go through it. */
  drop(): void;
  /** Breaks the connections, and lets none through until `mend`. */
  cut(): void;
  mend(): void;
  close(): Promise<void>;
}

/** `delayMs` is added each way, so a round trip takes twice as much. */
export async function startRelay(address: string, port: number, delayMs = 0): Promise<Relay> {
  let turns = 0;
  let clientSpoke = false;
  const sockets = new Set<Socket>();
  const forward = (from: Socket, to: Socket, client: boolean) => {
    from.on('data', chunk => {
      if (client && !clientSpoke) turns++;
      clientSpoke = client;
      if (delayMs === 0) {
        if (to.write(chunk)) return;
        from.pause();
        to.once('drain', () => from.resume());
      } else setTimeout(() => to.write(chunk), delayMs);
    });
    from.on('close', () => setTimeout(() => to.destroy(), delayMs));
    from.on('error', () => to.destroy());
    sockets.add(from);
  };
  let isCut = false;
  const drop = () => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  const server = createServer({ noDelay: true }, client => {
    if (isCut) {
      client.destroy();
      return;
    }
    const host = connect({ host: address, port, noDelay: true });
    forward(client, host, true);
    forward(host, client, false);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as { port: number }).port,
    turns: () => turns,
    reset: () => {
      turns = 0;
      clientSpoke = false;
    },
    drop,
    cut: () => {
      isCut = true;
      drop();
    },
    mend: () => {
      isCut = false;
    },
    close: () => {
      drop();
      return new Promise(resolve => server.close(() => resolve()));
    },
  };
}
