import type { Diff, HostContext, Obstacle } from '../engine/module.ts';
import type { PathState, UserState } from '../engine/probe.ts';
import type { Step } from '../engine/step.ts';
import type { Conditional } from '../engine/util/defined.ts';
import {
  declaredState,
  type KeysRead,
  keyObstacles,
  keySteps,
  keysState,
  placeProbes,
  thereIn,
  usualIn,
  usualPath,
} from './_account-keys.ts';
import type { AuthorizedKeys } from './_authorized-keys.ts';
import { createsHome } from './_user-steps.ts';

/** The arguments of `user` that its keys depend on. */
interface Args {
  name: string;
  home?: string | undefined;
  group?: string | undefined;
  create_home?: boolean | undefined;
  move_home: boolean;
  system: boolean;
  authorized_keys?: readonly string[] | undefined;
  authorized_keys_exact: boolean;
}

/** The readings of a user that its keys depend on. */
type Read = { readonly [K in keyof KeysRead]?: KeysRead[K] | undefined } & {
  user?: UserState | null | undefined;
  needsHome?: PathState | null | undefined;
};

const usual = ({ name, home }: Args) => usualPath(name, home);
const homeOf = ({ name, home }: Args) => home ?? (name === 'root' ? '/root' : `/home/${name}`);

/** Returns the probes of the keys of a user that declares some. */
export function ownKeyProbes(args: Args): Partial<ReturnType<typeof placeProbes>> {
  return args.authorized_keys === undefined ? {} : placeProbes(args.name, usual(args), homeOf(args));
}

/** Returns the state, the obstacles and the steps of the keys that a user declares; undefined if it declares none. */
export function ownKeys(args: Args, read: Read | undefined) {
  if (args.authorized_keys === undefined) return undefined;
  const { name: user, authorized_keys: keys, authorized_keys_exact: exclusive } = args;
  const declared = { user, keys, exclusive };
  const there = read?.found && placeIn(args, read as KeysRead & Read);
  const named = ({ keys, file, folder }: ReturnType<typeof declaredState>) => ({
    authorized_keys: keys,
    keys_file: file,
    keys_folder: folder,
  });
  const isDue = (diff: Diff) => ['authorized_keys', 'keys_file', 'keys_folder'].some(key => diff.has(key));
  return {
    actual: there && named(keysState(declared, there)),
    desired: named(declaredState(declared, read?.user ? there : undefined)),
    obstacles: (diff: Diff, context: HostContext): Conditional<Obstacle> =>
      there && isDue(diff) ? keyObstacles(declared, there, diff.kind, context) : [],
    steps: (diff: Diff): Conditional<Step> =>
      there && isDue(diff)
        ? keySteps(declared, there, diff.has('keys_folder') || there.folder === undefined)
        : [],
  };
}

/** Returns the place of the keys after the change of the account, which may give it another home. */
function placeIn(args: Args, read: KeysRead & Read): AuthorizedKeys {
  const there = thereIn(read, args.name, usual(args))!;
  const home = args.home;
  const { user } = read;
  if (!user) {
    const fresh = { type: 'directory', owner: args.name, mode: '0755' };
    return { ...there, group: args.group ?? args.name, home: createsHome(args) ? fresh : there.home };
  }
  const group = args.group ?? there.group;
  if (home === undefined || home === user.home || !there.path.startsWith(`${user.home}/`))
    return { ...there, group };
  const path = `${home}${there.path.slice(user.home.length)}`;
  if (args.move_home) return { ...there, group, path };
  return { ...there, ...usualIn(read), group, path, home: read.needsHome ?? undefined };
}
