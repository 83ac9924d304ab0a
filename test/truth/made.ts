import { dirname } from 'node:path';
import type { CaseResource, Layer } from './case.ts';

const serviceOfPackage: Readonly<Record<string, string>> = {
  'nginx-light': 'nginx',
  memcached: 'memcached',
  'redis-server': 'redis-server',
  'uuid-runtime': 'uuidd',
  rsync: 'rsync',
  postgresql: 'postgresql',
  'iptables-persistent': 'netfilter-persistent',
  cron: 'cron',
};

const ofLayer: Readonly<Record<Layer, readonly string[]>> = {
  blank: [],
  servers: ['nginx', 'memcached', 'redis-server', 'rsync'],
  postgres: ['postgresql', 'nginx'],
};

/** The declarations of a resource about paths and packages. */
function settled({ module, args, keys }: CaseResource): [thing: string, how: string][] {
  const absent = args['state'] === 'absent';
  if (module === 'apt') return packagesOf(args).map(name => [name, absent ? 'absent' : 'present']);
  if (!['file', 'directory', 'link', 'tree'].includes(module)) return [];
  const paths = (keys['loop'] as unknown[] | undefined) ?? [args['path']];
  return paths.map(path => [String(path), absent ? 'absent' : module.replace('tree', 'directory')]);
}

/**
 * What a case has made so far, as far as its text tells. Most resources ask for something of it, so that not every case
 * ends at the first thing that is missing.
 */
export class Made {
  readonly services: Set<string>;
  readonly roles = new Set<string>();
  readonly databases = new Set<string>();
  /** Packages that a resource takes away. */
  readonly gone = new Set<string>();
  readonly accounts = new Set(['root', 'www-data', 'deploy']);
  /** The things at paths that the case has created. */
  readonly #types = new Map<string, string>();
  /** The declared type of a path or state of a package so far: `file`, `directory`, `link` or `absent`. */
  readonly #settled = new Map<string, string>();
  /** Databases in which a grant is about all tables or functions. */
  readonly #covered = new Set<string>();
  /** Paths that the guards of commands have read. */
  readonly #guarded = new Set<string>();
  readonly #folders = new Set(['/', '/srv', '/etc', '/opt', '/var', '/usr/local/bin', '/etc/systemd/system']);

  readonly #layer: Layer;

  constructor(layer: Layer) {
    this.#layer = layer;
    this.services = new Set(ofLayer[layer]);
    const folders = ['/var/lib', '/usr/share/doc', '/etc/default', '/var/www', '/etc/nginx', '/etc/redis'];
    for (const each of folders.slice(0, layer === 'servers' ? 6 : 3)) this.#folders.add(each);
    if (layer === 'servers') this.#nginx();
    if (layer === 'postgres') this.#package('postgresql');
    if (layer === 'servers') this.#package('redis-server');
  }

  /** Whether something that lies at `path` has a folder to lie in. */
  hasFolderOf(path: string): boolean {
    return this.#folders.has(dirname(path));
  }

  /** Whether something else than a `type` is at the path. */
  isOther(path: string, type: string): boolean {
    const there = this.#types.get(path) ?? (this.#folders.has(path) ? 'directory' : type);
    return there !== type && !(there === 'directory' && type === 'tree');
  }

  /** Whether what a resource of the module cannot do without is there: a server or a program. */
  serves(module: string): boolean {
    if (module.startsWith('pg_')) return this.databases.size > 0;
    if (module === 'service') return this.services.size > 0;
    if (module === 'nginx_site') return this.services.has('nginx');
    if (module === 'cron_job' || module === 'logrotate') return this.services.has('cron');
    if (module === 'http_check') return this.#layer === 'servers'; // which has curl
    return !['certbot', 'python_venv'].includes(module) || this.#layer === 'servers';
  }

  /** Whether an earlier resource settles the same thing otherwise, for which most playbooks are refused. */
  clashes(resource: CaseResource): boolean {
    return settled(resource).some(([thing, how]) => (this.#settled.get(thing) ?? how) !== how);
  }

  /**
   * Whether it changes what an earlier resource would answer to once more: what the guard of a command has read, or all the
   * objects of a database that a grant was about.
   */
  changesGuarded(resource: CaseResource): boolean {
    const { module, args } = resource;
    if (module === 'pg_extension' && this.#covered.has(String(args['database']))) return true;
    const migrated = migratedBy(args);
    if (migrated !== undefined && [...this.#guarded].some(path => path !== migrated)) return true;
    const made = module === 'command' && args['creates'] !== undefined ? [String(args['creates'])] : [];
    const things = [...settled(resource).map(([thing]) => thing), ...made];
    return [...this.#guarded].some(path =>
      things.some(thing => `${path}/`.startsWith(`${thing}/`) || thing.startsWith(`${path}/`)),
    );
  }

  /**
   * Whether it brings or removes a package in whose folders an earlier resource has something, which it may change, or
   * the guard of an earlier command has read something. Only a purge removes files below /etc, and no installation changes
   * the files of /etc/default.
   */
  takesAway({ module, args }: CaseResource): boolean {
    if (module !== 'apt') return false;
    const words = packagesOf(args).map(name => name.split('-')[0]!);
    const isBeside = (path: string) => path.startsWith('/') && words.some(word => path.includes(word));
    const isRemoval = args['state'] === 'absent';
    const keeps = (path: string) =>
      isRemoval ? args['purge'] !== true && path.startsWith('/etc/') : path.startsWith('/etc/default/');
    return (
      [...this.#guarded].some(path => isBeside(path) && !(isRemoval && keeps(path))) ||
      [...this.#settled].some(
        ([path, how]) => how !== args['state'] && isBeside(path) && !(how === 'file' && keeps(path)),
      )
    );
  }

  /** Learns from a shell line of the start state. */
  byLine(line: string): void {
    for (const [, name] of line.matchAll(/CREATE ROLE (\w+)/g)) this.roles.add(name!);
    for (const [, name] of line.matchAll(/CREATE DATABASE (\w+)/g)) this.databases.add(name!);
    for (const [, name] of line.matchAll(/systemd\/system\/(\w+@?)\.service/g)) this.#unit(name!);
    for (const [, path] of line.matchAll(/mkdir -p (\/\S+)/g)) this.#folder(path!);
    for (const [, path] of line.matchAll(/ >(\/\S+)/g)) this.#types.set(path!, 'file');
    for (const [, path] of line.matchAll(/ln -sfn \S+ (\/\S+)/g)) this.#types.set(path!, 'link');
    for (const [, path] of line.matchAll(/rm -rf (\/\S+)/g)) this.#types.delete(path!);
    for (const [, name] of line.matchAll(/useradd --system (\w+)/g)) this.accounts.add(name!);
    if (line.includes('apt-get -qy install')) this.#package(line.split(' ').at(-1)!);
  }

  /** Learns from a resource that is declared to exist. */
  byResource(resource: CaseResource): void {
    const { module, args, keys } = resource;
    for (const [thing, how] of settled(resource)) this.#settled.set(thing, how);
    if (module === 'pg_grant' && [args['tables'], args['functions']].includes('all'))
      this.#covered.add(String(args['database']));
    if (args['state'] === 'absent') {
      this.#types.delete(String(args['path']));
      this.#folders.delete(String(args['path']));
      if (module === 'apt') for (const each of packagesOf(args)) this.gone.add(each);
      if (module === 'user') this.accounts.delete(String(args['name']));
      return;
    }
    if (module === 'command') this.byLine(String(args['run']));
    const migrated = migratedBy(args);
    if (migrated !== undefined) this.#guarded.add(migrated);
    if (module === 'apt') for (const each of packagesOf(args)) this.#package(each);
    // Drop-ins are no units of their own, and the image of a container is not there to run.
    if (module === 'systemd_unit' && (args['of'] ?? args['container']) !== undefined) return;
    const names = (keys['loop'] as unknown[] | undefined) ?? [args['name'] ?? args['path']];
    for (const name of names) this.#named(module, String(name));
  }

  #named(module: string, name: string): void {
    if (module === 'pg_role') this.roles.add(name);
    if (module === 'pg_database') this.databases.add(name);
    if (module === 'directory' || module === 'tree') this.#folder(name);
    if (module === 'user' || module === 'group') this.accounts.add(name);
    if (['file', 'directory', 'link'].includes(module)) this.#types.set(name, module);
    if (module === 'systemd_unit') this.#unit(name.replace(/\.service$/, ''));
    if (module === 'file') this.byLine(name);
  }

  #package(name: string): void {
    this.gone.delete(name);
    const service = serviceOfPackage[name];
    if (service !== undefined) this.services.add(service);
    if (name === 'nginx-light') this.#nginx();
    if (name === 'redis-server') this.accounts.add('redis');
    if (name !== 'postgresql') return;
    this.databases.add('postgres');
    this.roles.add('postgres');
  }

  #nginx(): void {
    for (const each of ['', '/conf.d', '/sites-enabled', '/sites-available'])
      this.#folder(`/etc/nginx${each}`);
    this.#folder('/var/www/html');
  }

  #unit(name: string): void {
    this.services.add(name.endsWith('@') ? `${name}1` : name);
  }

  #folder(path: string): void {
    for (let each = path; each !== '/'; each = dirname(each)) this.#folders.add(each);
  }
}

/** The file of a command whose guard compares it with its last content. */
const migratedBy = (args: CaseResource['args']): string | undefined =>
  /^cat (\S+) >\/srv\/migrated /.exec(String(args['run']))?.[1];

/** The packages of an `apt`, also the one of its .deb. */
function packagesOf(args: CaseResource['args']): string[] {
  const { packages = [], deb } = args as { packages?: string[]; deb?: { name: string } };
  return deb === undefined ? packages : [...packages, deb.name];
}
