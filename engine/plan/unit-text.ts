import type { UnitState } from '../probe.ts';

/** Properties of a unit; undefined = not known. */
export type Sets = Readonly<Record<string, string | undefined>>;

/** Properties that a unit's file decides: they are not known once it is another one. */
export const ofTheFile: Sets = Object.fromEntries(
  [
    'Type',
    'RemainAfterExit',
    'CanStart',
    'CanStop',
    'CanReload',
    'SourcePath',
    'TriggeredBy',
    'FragmentPath',
  ].map(property => [property, undefined]),
);

export const isThere = ({ LoadState }: UnitState): boolean =>
  LoadState !== 'not-found' && LoadState !== undefined;

/** What systemd knows of a unit from its file, and from the drop-ins that were written before. */
export function fromFile(name: string, content: string): (was: UnitState, dropIns: string) => Sets {
  return (was, dropIns) => {
    const text = `${content}\n${dropIns}`;
    // systemd loads no service that runs nothing, and nothing that is no unit at all.
    const isSound = name.endsWith('.service') ? /^\s*Exec\w+\s*=/m.test(text) : /^\s*\[/m.test(content);
    const state = enabling(text);
    const own = {
      ...kindOf(name, text),
      ...relations(text),
      ...(name.endsWith('.service') && {
        CanReload: reloads(text) ? 'yes' : was['DropInPaths'] ? undefined : 'no',
      }),
      LoadState: isSound ? 'loaded' : undefined,
    };
    if (!isThere(was)) return { ...own, UnitFileState: state, NeedDaemonReload: 'no' };
    return {
      ...ofTheFile,
      ...own,
      // Links that enable it stay, also where its file does not ask for them any more.
      ...(/^enabled/.test(was['UnitFileState'] ?? '')
        ? state !== 'disabled' && { UnitFileState: undefined }
        : { UnitFileState: state }),
      NeedDaemonReload: was['ActiveState'] === 'active' ? 'yes' : undefined,
    };
  };
}

/** What a drop-in adds to what a unit is. */
export function fromDropIn(name: string, content: string): (was: UnitState) => Sets {
  return was => {
    if (!isThere(was)) return { NeedDaemonReload: undefined };
    const given = relations(content);
    const isEnabled = /^enabled/.test(was['UnitFileState'] ?? '');
    const state = enabling(content);
    return {
      ...(settingOf(content, 'Type') !== undefined && { ...kindOf(name, content) }),
      ...Object.fromEntries(
        Object.entries(given).map(([key, units]) => [key, `${was[key] ?? ''} ${units}`.trim()]),
      ),
      ...(state !== 'static' && !isEnabled && { UnitFileState: state }),
      ...(reloads(content) && { CanReload: 'yes' }),
      NeedDaemonReload: undefined,
    };
  };
}

/** What goes with a drop-in; what the others say is not known. */
export function withoutDropIn(content: string): (was: UnitState) => Sets {
  return was => ({
    NeedDaemonReload: undefined,
    ...(enabling(content) !== 'static' &&
      was['UnitFileState'] === 'disabled' && { UnitFileState: undefined }),
  });
}

/** Whether it can be enabled: only when [Install] says for what. */
function enabling(text: string): 'disabled' | 'indirect' | 'static' {
  const install = [...text.matchAll(/^\[Install\]\s*$([\s\S]*?)(?=^\[|(?![\s\S]))/gm)]
    .map(([, lines]) => lines)
    .join('\n');
  if (/^\s*(WantedBy|RequiredBy|UpheldBy|Alias)\s*=\s*\S/m.test(install)) return 'disabled';
  return /^\s*Also\s*=\s*\S/m.test(install) ? 'indirect' : 'static';
}

function kindOf(name: string, text: string): Sets {
  if (!name.endsWith('.service')) return {};
  const isKept = /^(yes|true|on|1)$/i.test(settingOf(text, 'RemainAfterExit') ?? '');
  return { Type: settingOf(text, 'Type') ?? 'simple', RemainAfterExit: isKept ? 'yes' : 'no' };
}

/** Whether a service supports `systemctl reload`: see systemd.service(5). */
const reloads = (text: string): boolean =>
  /^\s*ExecReload\s*=\s*\S/m.test(text) || settingOf(text, 'Type') === 'notify-reload';

/** The units that a text names, by what they are to it. */
const relations = (text: string): Sets => ({
  Requires: unitsOf(text, 'Requires|BindsTo|Requisite'),
  Wants: unitsOf(text, 'Wants'),
  Conflicts: unitsOf(text, 'Conflicts'),
  Also: unitsOf(text, 'Also'),
});

const unitsOf = (text: string, keys: string): string =>
  [...text.matchAll(new RegExp(`^\\s*(?:${keys})\\s*=\\s*(.*)$`, 'gm'))]
    .map(([, units]) => units!.trim())
    .join(' ');

const settingOf = (text: string, key: string): string | undefined =>
  [...text.matchAll(new RegExp(`^\\s*${key}\\s*=\\s*(\\S+)`, 'gm'))].at(-1)?.[1];
