import { unitAt } from '../../host-knowledge.ts';
import type { Place } from '../../problem.ts';
import { unitName } from '../../steps/unit-steps.ts';
import type { Path } from '../../yaml/source-text.ts';
import { argument, type ResourceSubject } from './subject.ts';
import { hole, matchesIn } from './texts.ts';

/** A setting of a unit, with holes for its unknown parts, and whether all of it is known. */
export interface Setting {
  key: string;
  value: string;
  known: boolean;
  at: () => Place;
}

const lines = /^[ \t]*([A-Z]\w*)[ \t]*=[ \t]*((?:[^\n]*\\\n)*[^\n]*)$/gm;

/** Returns the settings of a systemd unit in any notation. */
export function settingsOf(unit: ResourceSubject): Setting[] {
  return unit.texts.flatMap(text => {
    const [section, key, name] = text.path as Path & string[];
    if (section === 'content')
      return matchesIn(text, lines).map(({ match, at }) =>
        setting(match[1]!, match[2]!.replaceAll('\\\n', ' '), at),
      );
    if (key === undefined || section === 'name') return [];
    const value = typeof name === 'string' ? `${name}=${text.shown}` : text.shown;
    return [setting(key, value.trim(), () => text.where(0, text.source.length))];
  });
}

const setting = (key: string, value: string, at: Setting['at']): Setting => ({
  key,
  value,
  known: !value.includes(hole),
  at,
});

/** The settings of a key. */
export function valuesOf(settings: readonly Setting[], key: string): Setting[] {
  return settings.filter(each => each.key === key);
}

/** Returns the last known value of a key, which is the effective one. */
export function lastValueOf(settings: readonly Setting[], key: string): string | undefined {
  return valuesOf(settings, key).findLast(({ known }) => known)?.value;
}

/** The full name of a unit, of the unit of a drop-in or a file of Quadlet, or of the unit that a service is for. */
export function unitOf(resource: ResourceSubject): string {
  const name = String(argument(resource, 'of') ?? argument(resource, 'name'));
  return unitAt(`/etc/containers/systemd/${name}`)?.name ?? unitName(name);
}
