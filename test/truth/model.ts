import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename, dirname, join, posix } from 'node:path';
import type { CaseResource } from './case.ts';

/** A thing at a path. `mode` has four digits; a link has only its target. */
export type Node =
  | { type: 'file'; content: string; owner: string; group: string; mode: string }
  | { type: 'directory'; owner: string; group: string; mode: string }
  | { type: 'link'; target: string }
  | { type: 'other' };

/** The outcome of a resource in a check, as far as files alone decide it. */
export type Expected = 'unchanged' | 'would_change' | 'obstacle';

/** Where the tree of a host is read from: nodes and names below a directory, by real path. */
export interface Source {
  node(path: string): Node | null;
  names(path: string): string[];
  /** Whether the account or group is known to the host. */
  hasOwner(name: string): boolean;
  hasGroup(name: string): boolean;
}

/**
 * A model of a host's files for tests, written apart from the engine's: it knows no steps, no readings and no causes, only
 * what the kernel does with paths.
 */
export class FileModel {
  readonly #source: Source;
  readonly #changed = new Map<string, Node | null>();

  constructor(source: Source) {
    this.#source = source;
  }

  /** Returns the thing at a real path. */
  #get(path: string): Node | null {
    for (let above = path; ; above = dirname(above)) {
      // Everything below a removed or created thing is gone.
      if (this.#changed.has(above)) return above === path ? this.#changed.get(path)! : null;
      if (above === '/') return this.#source.node(path);
    }
  }

  #below(path: string): string[] {
    const read = [...this.#changed.keys()].some(each => each === path) ? [] : this.#source.names(path);
    const made = [...this.#changed.keys()].filter(each => each !== '/' && dirname(each) === path);
    const here = [...new Set([...read.map(name => join(path, name)), ...made])].filter(each =>
      this.#get(each),
    );
    return here.flatMap(each => [each, ...(this.#get(each)!.type === 'directory' ? this.#below(each) : [])]);
  }

  /** The real path of a folder, as the kernel finds it; null when it is none. With `make`, as `mkdir -p` does. */
  #folder(path: string, make = false, links = 0): string | null {
    let real = '/';
    for (const name of posix.normalize(path).split('/').filter(Boolean)) {
      const at = join(real, name);
      const node = this.#get(at);
      if (node === null && make) this.#create(at, 'directory', {});
      else if (node?.type === 'link') {
        const target = links > 40 ? null : this.#folder(posix.resolve(real, node.target), false, links + 1);
        if (target === null) return null;
        real = target;
        continue;
      } else if (node?.type !== 'directory') return null;
      real = at;
    }
    return real;
  }

  #create(path: string, type: 'file' | 'directory', args: Record<string, unknown>): void {
    const parent = this.#get(dirname(path));
    const inherits = parent?.type === 'directory' && /^[2367]/.test(parent.mode);
    const mode = type === 'file' ? '0644' : inherits ? '2755' : '0755';
    const attributes = {
      owner: String(args['owner'] ?? 'root'),
      group: String(args['group'] ?? (inherits && parent.type === 'directory' ? parent.group : 'root')),
      mode: String(args['mode'] ?? mode).padStart(4, '0'),
    };
    this.#changed.set(
      path,
      type === 'file'
        ? { type, content: String(args['content'] ?? ''), ...attributes }
        : { type, ...attributes },
    );
  }

  /** Returns the outcome of a resource, and applies it to the model. */
  step({ module, args }: Pick<CaseResource, 'module' | 'args'>): Expected {
    const path = String(args['path']);
    const absent = args['state'] === 'absent';
    if (!absent && this.#unknown(args)) return 'obstacle';
    const makes = module === 'directory' && !absent;
    const folder = this.#folder(dirname(path), makes);
    // A thing that cannot exist counts as absent.
    if (folder === null) return absent ? 'unchanged' : 'obstacle';
    const at = join(folder, basename(path));
    const node = this.#get(at);
    if (absent) return this.#remove(at, node, module);
    if (module === 'link') return this.#link(at, node, args);
    return module === 'file' ? this.#file(at, node, args) : this.#directory(at, node, args);
  }

  #unknown({ owner, group }: Record<string, unknown>): boolean {
    return (
      (owner !== undefined && !this.#source.hasOwner(String(owner))) ||
      (group !== undefined && !this.#source.hasGroup(String(group)))
    );
  }

  #remove(at: string, node: Node | null, module: string): Expected {
    if (node === null) return 'unchanged';
    const sort = module === 'file' ? ['file', 'link', 'other'] : [module];
    if (!sort.includes(node.type)) return 'obstacle';
    this.#changed.set(at, null);
    for (const each of this.#changed.keys()) if (each.startsWith(`${at}/`)) this.#changed.delete(each);
    return 'would_change';
  }

  #link(at: string, node: Node | null, args: Record<string, unknown>): Expected {
    const target = String(args['target']);
    if (node?.type === 'link' && node.target === target) return 'unchanged';
    if (node !== null && node.type !== 'link') {
      if (args['force'] !== true || node.type === 'other') return 'obstacle';
      if (node.type === 'directory' && this.#below(at).length > 0) return 'obstacle';
    }
    this.#changed.set(at, { type: 'link', target });
    return 'would_change';
  }

  #file(at: string, node: Node | null, args: Record<string, unknown>): Expected {
    if (node?.type === 'directory' || node?.type === 'other') return 'obstacle';
    if (node?.type !== 'file') {
      this.#create(at, 'file', args);
      return 'would_change';
    }
    return this.#update(
      at,
      node,
      args,
      args['content'] === undefined ? {} : { content: String(args['content']) },
    );
  }

  #directory(at: string, node: Node | null, args: Record<string, unknown>): Expected {
    if (node === null) {
      this.#create(at, 'directory', args);
      return 'would_change';
    }
    if (node.type !== 'directory') return 'obstacle';
    const outcome = this.#update(at, node, args, {});
    if (args['recurse'] !== true) return outcome;
    const { mode: _, ...ownership } = args;
    const below = this.#below(at).map(each => {
      const one = this.#get(each)!;
      return one.type === 'file' || one.type === 'directory'
        ? this.#update(each, one, ownership, {})
        : 'unchanged';
    });
    return [outcome, ...below].includes('would_change') ? 'would_change' : 'unchanged';
  }

  #update(
    at: string,
    node: Extract<Node, { owner: string }>,
    args: Record<string, unknown>,
    content: { content?: string },
  ): Expected {
    const declared = { ...content, ...definedOf(args, ['owner', 'group', 'mode']) };
    const next = { ...node, ...declared };
    if (JSON.stringify(next) === JSON.stringify(node)) return 'unchanged';
    if (node.type === 'directory') this.#changeInPlace(at, next);
    else this.#changed.set(at, next);
    return 'would_change';
  }

  // A directory that changes keeps what is in it, which is then no longer read from the source.
  #changeInPlace(at: string, next: Node): void {
    const below = this.#below(at).map(each => [each, this.#get(each)!] as const);
    this.#changed.set(at, next);
    for (const [each, node] of below) this.#changed.set(each, node);
  }
}

function definedOf(args: Record<string, unknown>, keys: readonly string[]): Record<string, string> {
  const given = keys.filter(key => args[key] !== undefined);
  return Object.fromEntries(
    given.map(key => [key, key === 'mode' ? String(args[key]).padStart(4, '0') : String(args[key])]),
  );
}

/** The tree of a host as this machine sees it below `root`. Real paths only: no link of the host's is followed. */
export function sourceBelow(root: string): Source {
  const names = (file: string) => {
    const lines = readFileSync(join(root, file), 'utf8').split('\n');
    return new Map(lines.map(line => [Number(line.split(':')[2]), line.split(':')[0]!]));
  };
  const [owners, groups] = [names('etc/passwd'), names('etc/group')];
  const node = (path: string): Node | null => {
    const stat = lstatSync(join(root, path), { throwIfNoEntry: false });
    if (stat === undefined) return null;
    if (stat.isSymbolicLink()) return { type: 'link', target: readlinkSync(join(root, path)) };
    const attributes = {
      owner: owners.get(stat.uid) ?? String(stat.uid),
      group: groups.get(stat.gid) ?? String(stat.gid),
      mode: (stat.mode & 0o7777).toString(8).padStart(4, '0'),
    };
    if (stat.isDirectory()) return { type: 'directory', ...attributes };
    if (!stat.isFile()) return { type: 'other' };
    return { type: 'file', content: readFileSync(join(root, path), 'utf8'), ...attributes };
  };
  return {
    node,
    names: path => (node(path)?.type === 'directory' ? readdirSync(join(root, path)) : []),
    hasOwner: name => [...owners.values()].includes(name),
    hasGroup: name => [...groups.values()].includes(name),
  };
}
