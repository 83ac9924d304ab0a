import { command, type PackageState, type UnitState } from '../probe.ts';
import { lineFrom, type Problem } from '../problem.ts';
import type { FactUse, Resource } from '../resource.ts';
import { isMap, type Value } from '../value.ts';
import type { Forecast } from './forecast.ts';

/** Returns the resources that certainly change a fact after it was read. */
export function changersOf({ of, name, value }: FactUse, forecast: Forecast): readonly string[] {
  if (name === undefined) {
    const about = { packages: 'packages', services: 'units', users: 'passwd:*' }[of];
    return forecast.predict(command('', { about: [about] }), () => ({ value: null }))?.from ?? [];
  }
  const read = isMap(value) ? value : undefined;
  const now = { packages: packageNow, services: serviceNow, users: userNow }[of](name, read, forecast);
  return now;
}

type Read = { readonly [key: string]: Value } | undefined;

function packageNow(name: string, read: Read, forecast: Forecast): readonly string[] {
  const state: PackageState | null =
    read === undefined ? null : { status: 'installed', version: String(read['version']), held: false };
  const seen = forecast.predict({ kind: 'package', name }, () => ({ value: state }));
  // Whether a removed package leaves its configuration is not certain, and no matter.
  if (seen === undefined || (seen.open && !seen.expected) || !('value' in seen.reading)) return [];
  const after = seen.reading.value as PackageState | null;
  const version = after?.status === 'installed' ? after.version : undefined;
  return version === state?.version ? [] : seen.from;
}

function serviceNow(name: string, read: Read, forecast: Forecast): readonly string[] {
  const unit = `${name}.service`;
  const state = {
    LoadState: read === undefined ? 'not-found' : 'loaded',
    ActiveState: read?.['active'] === true ? 'active' : 'inactive',
    UnitFileState: read === undefined ? '' : read['enabled'] === true ? 'enabled' : 'disabled',
  } as UnitState;
  const seen = forecast.predict({ kind: 'unit', name: unit }, () => ({ value: state }));
  if (seen === undefined || (seen.open && !seen.expected) || !('value' in seen.reading)) return [];
  const after = seen.reading.value as UnitState;
  const isSame = (['LoadState', 'ActiveState', 'UnitFileState'] as const).every(
    key => after[key] === state[key],
  );
  return isSame ? [] : seen.from;
}

function userNow(name: string, read: Read, forecast: Forecast): readonly string[] {
  const line =
    read === undefined
      ? null
      : [name, 'x', ...['uid', 'gid', 'gecos', 'home', 'shell'].map(key => String(read[key] ?? ''))];
  const seen = forecast.predict({ kind: 'account', database: 'passwd', name }, () => ({ value: line }));
  if (seen === undefined || seen.open || !('value' in seen.reading)) return [];
  return JSON.stringify(seen.reading.value) === JSON.stringify(line) ? [] : seen.from;
}

/** Returns the problem of a resource that uses a fact that an `earlier` resource of the play changes. */
export function changedFact(
  { facts = [], name, at }: Resource,
  earlier: readonly Resource[],
  forecast: Forecast,
): Problem | undefined {
  for (const use of facts) {
    const names = changersOf(use, forecast);
    const changer = earlier.findLast(one => names.includes(one.name));
    if (changer === undefined) continue;
    return {
      code: 'conflict',
      message: `${name} uses ${pathOf(use)} as it is before the play, and "${changer.name}" on ${lineFrom(at, changer.at)} changes it.`,
      hint: 'Move the resource to a later play of the playbook: facts are read again before each play.',
      at,
      resource: name,
    };
  }
  return undefined;
}

/** Returns the problem of a resource in a plan to save: an earlier play changes a fact that it uses. */
export function unknownFact({ facts = [], name, at }: Resource): Problem | undefined {
  const use = facts.find(({ changer }) => changer !== undefined);
  if (use === undefined) return undefined;
  return {
    code: 'conflict',
    message: `${name} uses ${pathOf(use)}, which "${use.changer}" changes in an earlier play, so no saved plan can hold it.`,
    hint: 'Apply the playbook without a saved plan, or keep the later play in a playbook of its own.',
    at,
    resource: name,
  };
}

function pathOf({ of, name }: FactUse): string {
  if (name === undefined) return `facts.${of}`;
  return /^[A-Za-z_]\w*$/.test(name) ? `facts.${of}.${name}` : `facts.${of}['${name}']`;
}
