import type { Ownership } from '../effect.ts';
import type { PathState } from '../probe.ts';

export const rootState: PathState = {
  type: 'directory',
  owner: 'root',
  group: 'root',
  mode: '0755',
  sizeBytes: 0,
  modifiedS: 0,
};

/** Returns the state of a new thing in the folder `parent`. In a set-group-ID folder, it belongs to the folder's group. */
export function newState(
  type: PathState['type'],
  account: string | undefined,
  parent: PathState | null,
): PathState {
  const owner = account ?? '';
  const inherits = parent !== null && /^[2367]/.test(parent.mode);
  const mode = type === 'link' ? '0777' : type === 'file' ? '0644' : inherits ? '2755' : '0755';
  return { type, owner, group: inherits ? parent.group : owner, mode, sizeBytes: 0, modifiedS: 0 };
}

/** Returns the attributes that are given. */
export function given(ownership: Ownership): Partial<PathState> {
  return Object.fromEntries(Object.entries(ownership).filter(([, value]) => value !== undefined));
}
