/** The parameters of a connection, by their names in libpq. */
export type Connection = Readonly<Record<string, string>>;

/**
 * Returns the parameters of a connection string, which is a URL (with or without a driver, as in
 * `postgresql+psycopg://`) or `host=… user=…`. Returns undefined for any other text.
 */
export function parseDsn(dsn: string): Connection | undefined {
  try {
    return parseUrl(dsn) ?? parseWords(dsn);
  } catch {
    return undefined;
  }
}

/** Returns a service file of libpq with one service, `reconcile`. */
export function serviceFile(connection: Connection): string {
  const lines = Object.entries(connection).map(([name, value]) => `${name}=${value}\n`);
  return `[reconcile]\n${lines.join('')}`;
}

/** Whether a service file can contain the value: it is one line, and does not end in a blank, which would be lost. */
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
