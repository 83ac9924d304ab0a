import { posix } from 'node:path';
import type { Effect, Ownership } from '../effect.ts';
import { textOf } from '../module-kit/state-text.ts';
import {
  type Content,
  content,
  type DirectoryEntry,
  entries,
  type PathState,
  type Probe,
  path,
} from '../probe.ts';
import { foldersAbove, isBelow } from '../util/paths.ts';
import { type FolderEffect, folderEffectsOf } from './folder-effects.ts';
import { known, type Laying, type Predicted, type ReadProbe } from './forecast-types.ts';
import { foldersByReader, withoutLinks } from './links.ts';
import { given, newState, rootState } from './path-states.ts';

/** The predicted thing at a path. `content` is left out if it is as read. */
interface Node extends Predicted<PathState | null> {
  /** The number of the effect. Later folder effects apply to the node. */
  sequence: number;
  content?: Content;
  /** Whether the content may not be written. */
  perhaps?: boolean | undefined;
}

/** The file system of a host after the planned steps. Paths lead through the links of that time. */
export class FileForecast {
  #nodes = new Map<string, Node>();
  /** The resources with effects below a folder. */
  #below = new Map<string, readonly string[]>();
  #folderEffects: FolderEffect[] = [];
  #sequence = 0;
  /** The paths of folders without links, for each reader, until an effect may change them. */
  #folders = foldersByReader();

  copy(): FileForecast {
    const copy = new FileForecast();
    copy.#nodes = new Map(this.#nodes);
    copy.#below = new Map(this.#below);
    copy.#folderEffects = [...this.#folderEffects];
    copy.#sequence = this.#sequence;
    return copy;
  }

  /** Returns the predicted thing at `path`, without following a link. An existing thing rarely gives way to another. */
  path(path: string, raw: ReadProbe): Predicted<PathState | null> & { unlikely?: boolean } {
    const real = this.#resolve(path, raw, false);
    if (real === undefined) return nowhere;
    const seen = this.#peek(real, raw);
    return seen.open && seen.value !== null ? { ...seen, unlikely: true } : seen;
  }

  /** Returns the predicted content of the regular file that `path` leads to. */
  content(path: string, raw: ReadProbe): Predicted<Content | null> {
    const real = this.#resolve(path, raw, true);
    if (real === undefined) return nowhere;
    const { value, from, open } = this.#isTouched(real, raw)
      ? this.#peek(real, raw)
      : { value: undefined, from: [], open: false };
    if (value === null || (value !== undefined && value.type !== 'file')) return { value: null, from, open };
    const node = this.#nodes.get(real);
    if (node?.content !== undefined)
      return { value: node.content, from: node.from, open: this.#isOpened(real, node, raw) };
    const read = known<Content | null>(raw(content(real)));
    return { value: read ?? null, from, open: open || read === undefined };
  }

  /** Returns the predicted entries below a folder. */
  entries(probe: Extract<Probe, { kind: 'entries' }>, raw: ReadProbe): Predicted<DirectoryEntry[] | null> {
    const root = this.#resolve(probe.path, raw, false);
    if (root === undefined) return nowhere;
    const read = known<DirectoryEntry[] | null>(raw(entries(root, probe)));
    const inside = [...this.#nodes].filter(([at]) => isBelow(at, root));
    const isThere = () => this.#peek(root, raw).value?.type === 'directory';
    const folderEffects = this.#folderEffects.filter(
      folderEffect => folderEffect.reaches(root) && !(folderEffect.unlessInside?.(`${root}/…`) && isThere()),
    );
    if (inside.length + folderEffects.length === 0 && !this.#nodes.has(root))
      return { value: read ?? null, from: [], open: read === undefined };
    const folder = this.#peek(root, raw);
    if (folder.value?.type !== 'directory') return { ...folder, value: null };
    const from = new Set(folder.from);
    let open = folder.open || read === undefined;
    const found = new Map<string, DirectoryEntry>();
    const add = (at: string, seen: Predicted<PathState | null>, sha256: string | undefined) => {
      for (const each of seen.from) from.add(each);
      open ||= seen.open;
      const name = at.slice(root.length + 1);
      if (seen.value !== null && name.split('/').length <= probe.depth)
        found.set(name, { ...seen.value, path: name, ...(sha256 !== undefined && { sha256 }) });
    };
    for (const { path: name, sha256, ...state } of read ?? []) {
      const at = `${root}/${name}`;
      if (!this.#nodes.has(at))
        add(at, this.#since(0, at, { value: state, from: [], open: false }, raw), sha256);
    }
    const sums = new Map((read ?? []).map(({ path: name, sha256 }) => [name, sha256]));
    for (const [at, node] of inside) {
      const before = sums.get(at.slice(root.length + 1));
      const sha256 = node.value?.type === 'file' ? (node.content?.sha256 ?? before) : undefined;
      add(at, this.#since(node.sequence, at, node, raw), probe.hashes ? sha256 : undefined);
    }
    // Unread entries may come there, too.
    for (const folderEffect of folderEffects) {
      const coming = folderEffect.apply({ value: null, from: [], open: false });
      if (coming.open) for (const each of coming.from) from.add(each);
      open ||= coming.open;
    }
    return { value: [...found.values()], from: [...from], open };
  }

  /** Returns the resources whose effects concern a path or anything below it. */
  concerning(path: string): string[] {
    const links = foldersAbove(path)
      .flatMap(folder => this.#nodes.get(folder) ?? [])
      .flatMap(({ value, from }) => (value?.type === 'link' ? from : []));
    const own = this.#nodes.get(path)?.from ?? [];
    const below = this.#below.get(path) ?? [];
    const folderEffects = this.#folderEffects.filter(
      folderEffect => !folderEffect.wide && (folderEffect.covers(path) || folderEffect.reaches(path)),
    );
    return [...new Set([...links, ...own, ...below, ...folderEffects.map(({ by }) => by)])];
  }

  lay(effect: Effect, laying: Laying, raw: ReadProbe): void {
    this.#sequence++;
    const { by } = laying;
    if (!['file', 'directory', 'attributes'].includes(effect.kind)) this.#folders = foldersByReader();
    switch (effect.kind) {
      case 'file':
        this.#put(effect.path, 'file', effect, laying, raw, textOf(effect.content));
        break;
      case 'directory':
        for (const above of foldersAbove(effect.path)) {
          const there = this.path(above, raw);
          if (there.value === null) this.#put(above, 'directory', {}, laying, raw);
        }
        this.#put(effect.path, 'directory', effect, laying, raw);
        break;
      case 'link':
        this.#put(effect.path, 'link', { target: effect.target }, laying, raw);
        break;
      case 'attributes': {
        const { path: at, owner, group, mode, recursive } = effect;
        const was = this.path(at, raw);
        const real = this.#resolve(at, raw, false);
        if (real === undefined) break;
        if (was.value !== null)
          this.#set(real, { ...was, value: { ...was.value, ...given({ owner, group, mode }) } }, laying);
        if (recursive)
          this.#addFolderEffect(
            by,
            one => isBelow(one, real),
            folder => isBelow(folder, real) || isBelow(real, folder) || folder === real,
            ({ value, from, open }) =>
              value === null
                ? { value, from, open }
                : { value: { ...value, ...given({ owner, group }) }, from: [...from, by], open },
          );
        break;
      }
      case 'removal': {
        const real = this.#resolve(effect.path, raw, false);
        if (real !== undefined) this.#clear(real, laying, raw);
        break;
      }
      default: {
        const real = 'path' in effect ? this.#resolve(effect.path, raw, false) : undefined;
        this.#folderEffects.push(
          ...folderEffectsOf(effect, real, by).map(folderEffect => ({
            sequence: this.#sequence,
            ...folderEffect,
          })),
        );
      }
    }
  }

  #addFolderEffect(
    by: string,
    covers: FolderEffect['covers'],
    reaches: FolderEffect['reaches'],
    apply: FolderEffect['apply'],
  ): void {
    this.#folderEffects.push({ sequence: this.#sequence, by, covers, reaches, apply });
  }

  #put(
    at: string,
    type: PathState['type'],
    { owner, group, mode, target }: Ownership & { target?: string },
    laying: Laying,
    raw: ReadProbe,
    content?: Content,
  ): void {
    const real = this.#resolve(at, raw, false);
    if (real === undefined) return;
    const was = this.#peek(real, raw);
    const keeps = was.value?.type === type && type !== 'link' ? was.value : undefined;
    const fresh = keeps ?? newState(type, laying.account, this.#peek(posix.dirname(real), raw).value);
    const declared = owner !== undefined && group !== undefined && mode !== undefined;
    const value: PathState = {
      ...fresh,
      ...given({ owner, group, mode: mode?.padStart(4, '0') }),
      ...(target !== undefined && { target }),
    };
    const open = type === 'link' ? false : (was.open || laying.account === undefined) && !declared;
    if (was.value !== null && was.value.type !== type) this.#clear(real, laying, raw);
    this.#set(real, { value, from: was.open ? was.from : [], open }, laying, content);
  }

  /** Records that nothing is at a path or below it. */
  #clear(real: string, laying: Laying, raw: ReadProbe): void {
    const was = this.#peek(real, raw);
    if (was.value === null && !was.open) return;
    const { by, maybe } = laying;
    this.#folders = foldersByReader();
    this.#addFolderEffect(
      by,
      one => isBelow(one, real),
      folder => folder === real || isBelow(folder, real) || isBelow(real, folder),
      seen =>
        seen.value === null && !seen.open
          ? seen
          : { value: null, from: maybe ? [...seen.from, by] : [by], open: maybe },
    );
    this.#set(real, { value: null, from: [], open: false }, laying);
  }

  #set(real: string, seen: Predicted<PathState | null>, laying: Laying, content?: Content): void {
    const { value, from, open } = seen;
    const was = value?.type === 'file' ? this.#nodes.get(real) : undefined;
    const { content: kept, perhaps } = content ? { content, perhaps: laying.maybe } : (was ?? {});
    const all = [...new Set([...from, laying.by])];
    for (const folder of ['/', ...foldersAbove(real)].reverse()) {
      const known = this.#below.get(folder) ?? [];
      const fresh = all.filter(by => !known.includes(by));
      // The folders above know everything that a folder knows.
      if (fresh.length === 0) break;
      this.#below.set(folder, [...known, ...fresh]);
    }
    this.#nodes.set(real, {
      sequence: this.#sequence,
      value,
      from: all,
      open: open || laying.maybe,
      ...(kept && { content: kept, perhaps }),
    });
  }

  /** Returns the predicted thing at a real path. An unread path has the value null and is open; the next round reads it. */
  #peek(real: string, raw: ReadProbe): Predicted<PathState | null> {
    const node = this.#nodes.get(real);
    if (node !== undefined) return this.#since(node.sequence, real, node, raw);
    const read = real === '/' ? rootState : known<PathState | null>(raw(path(real)));
    return this.#since(0, real, { value: read ?? null, from: [], open: read === undefined }, raw);
  }

  #since(
    sequence: number,
    real: string,
    base: Predicted<PathState | null>,
    raw: ReadProbe,
  ): Predicted<PathState | null> {
    let seen: Predicted<PathState | null> = { value: base.value, from: base.from, open: base.open };
    for (const folderEffect of this.#folderEffectsOn(real, sequence, raw)) seen = folderEffect.apply(seen);
    return seen;
  }

  #folderEffectsOn(real: string, since: number, raw: ReadProbe): FolderEffect[] {
    const isInside = () => this.#peek(posix.dirname(real), raw).value?.type === 'directory';
    return this.#folderEffects.filter(
      folderEffect =>
        folderEffect.sequence > since &&
        folderEffect.covers(real) &&
        !(folderEffect.unlessInside?.(real) && isInside()),
    );
  }

  #isOpened(real: string, node: Node, raw: ReadProbe): boolean {
    if (node.perhaps) return true;
    return this.#folderEffectsOn(real, node.sequence, raw).some(
      folderEffect => folderEffect.apply({ ...node, open: false }).open,
    );
  }

  #isTouched(real: string, raw: ReadProbe): boolean {
    return this.#nodes.has(real) || this.#folderEffectsOn(real, 0, raw).length > 0;
  }

  /** Returns the path without its predicted links, or undefined if they form a circle. */
  #resolve(at: string, raw: ReadProbe, follow: boolean): string | undefined {
    if (this.#nodes.size + this.#folderEffects.length === 0) return at;
    return withoutLinks(at, follow, real => this.#peek(real, raw).value, this.#folders(raw));
  }
}

const nowhere = { value: null, from: [], open: false } as const;
