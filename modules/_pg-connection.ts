/** Where and as whom to connect: libpq's parameters by name. */
export type Connection = Readonly<Record<string, string>>;

/**
 * The parameters in a connection string, be it a URL (also with a driver, as in `postgresql+psycopg://`) or
 * `host=… user=…`; undefined when it is neither.
 */
export function parseDsn(dsn: string): Connection | undefined {
  try {
    return parseUrl(dsn) ?? parseWords(dsn);
  } catch {
    return undefined;
  }
}

/** A service file with one service, `reconcile`. */
export function serviceFile(connection: Connection): string {
  const lines = Object.entries(connection).map(([name, value]) => `${name}=${value}\n`);
  return `[reconcile]\n${lines.join('')}`;
}

/** Whether a service file can hold the value: one line, and blanks at its end would be lost. */
export function fitsServiceFile(value: string): boolean {
  return !/[\n\r\0]|\s$/.test(value) && Buffer.byteLength(value) < 1000;
}

const url = /^postgres(?:ql)?(?:\+\w+)?:\/\/(?:([^:@/]*)(?::([^@/]*))?@)?([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/s;

function parseUrl(dsn: string): Connection | undefined {
  const parts = url.exec(dsn);
  if (parts === null) return undefined;
  const [, user = '', password = '', authority = '', dbname = '', query = ''] = parts;
  const hosts = authority.split(',').map(one => /^(?:\[([^\]]*)\]|([^:]*))(?::(\d*))?$/.exec(one));
  if (hosts.includes(null)) return undefined;
  const host = hosts.map(one => one![1] ?? one![2]).join();
  const port = hosts.map(one => one![3]).join();
  const named = Object.entries({ user, password, host, port, dbname }).filter(([, one]) => !/^,*$/.test(one));
  const options = (query.match(/[^&]+/g) ?? []).map(one => one.split(/=(.*)/s));
  return Object.fromEntries(
    [...named, ...options].map(([name = '', value = '']) => [name, decodeURIComponent(value)]),
  );
}

function parseWords(dsn: string): Connection | undefined {
  const word = /\s*(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?!')(?:[^\s\\]|\\.)*))\s*/gsy;
  const pairs = [...dsn.matchAll(word)];
  if (pairs.length === 0 || pairs.map(pair => pair[0]).join('') !== dsn) return undefined;
  return Object.fromEntries(
    pairs.map(([, name, quoted, bare]) => [name!, (quoted ?? bare ?? '').replace(/\\(.)/gs, '$1')]),
  );
}
