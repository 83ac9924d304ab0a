import type { UnitPart } from '../host-knowledge.ts';
import type { UnitState } from '../probe.ts';

/** Properties of a unit; undefined = not known. */
export type Sets = Readonly<Record<string, string | undefined>>;

/** The properties that a unit's file decides, as unknown: their state after the file changed. */
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
    'Asked',
  ].map(property => [property, undefined]),
);

export const isThere = ({ LoadState }: UnitState): boolean =>
  LoadState !== 'not-found' && LoadState !== undefined;

type Written = (was: UnitState, dropIns: string) => Sets;

/** Returns the properties that a written file gives to its unit: the unit's own file, a drop-in or a file of Quadlet. */
export function fromWritten({ name, part }: UnitPart, path: string, text: string): Written {
  if (part === 'quadlet') return fromQuadlet(path);
  return part === 'file' ? fromFile(name, text) : fromDropIn(name, path, text);
}

/** The properties of a masked unit. */
export const maskedUnit: Sets = { LoadState: 'masked', UnitFileState: 'masked' };

/** Returns the properties that systemd reads from a unit's file and the drop-ins written before it. */
function fromFile(name: string, content: string): Written {
  // An empty file masks its unit, as a link to /dev/null does.
  if (content === '') return () => maskedUnit;
  return (was, dropIns) => {
    const text = `${content}\n${dropIns}`;
    // systemd refuses a service without a command, and a file without a section.
    const isSound = name.endsWith('.service') ? /^\s*Exec\w+\s*=/m.test(text) : /^\s*\[/m.test(content);
    const state = enabling(text);
    const own = {
      ...kindOf(name, text),
      ...relations(text),
      Asked: asked(name, text).join(' '),
      ...(name.endsWith('.service') && {
        CanReload: reloads(text) ? 'yes' : was['DropInPaths'] ? undefined : 'no',
      }),
      LoadState: isSound ? 'loaded' : undefined,
    };
    if (!isThere(was)) return { ...own, UnitFileState: state, NeedDaemonReload: 'no' };
    return {
      ...ofTheFile,
      ...own,
      // The links of an enabled unit stay when its file no longer asks for them.
      ...(/^enabled/.test(was['UnitFileState'] ?? '')
        ? state !== 'disabled' && { UnitFileState: undefined }
        : { UnitFileState: state }),
      NeedDaemonReload: was['ActiveState'] === 'active' ? 'yes' : undefined,
    };
  };
}

/** Returns the properties of the service that is generated from a file of Quadlet. Its text is known only once it is made. */
const fromQuadlet =
  (path: string) =>
  (was: UnitState): Sets => ({
    ...ofTheFile,
    LoadState: was['LoadState'] === 'masked' ? 'masked' : 'loaded',
    UnitFileState: was['LoadState'] === 'masked' ? 'masked' : 'generated',
    SourcePath: path,
    NeedDaemonReload: was['ActiveState'] === 'active' ? 'yes' : undefined,
  });

/** Returns the paths of a unit's drop-ins without one of them. */
const without = ({ DropInPaths = '' }: UnitState, path: string): string[] =>
  DropInPaths.split(' ').filter(each => each !== '' && each !== path);

/** Returns the properties that a drop-in changes. */
function fromDropIn(name: string, path: string, content: string): Written {
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
      Asked:
        was['Asked'] === undefined ? undefined : [was['Asked'], ...asked(name, content)].join(' ').trim(),
      ...(reloads(content) && { CanReload: 'yes' }),
      DropInPaths: [...without(was, path), path].join(' '),
      NeedDaemonReload: undefined,
    };
  };
}

/** Returns the properties that change with the removal of a drop-in. The other drop-ins are not known. */
export function withoutDropIn(path: string, content: string): (was: UnitState) => Sets {
  return was => ({
    DropInPaths: without(was, path).join(' '),
    NeedDaemonReload: undefined,
    ...(enabling(content) !== 'static' &&
      was['UnitFileState'] === 'disabled' && { UnitFileState: undefined }),
  });
}

const installOf = (text: string): string =>
  [...text.matchAll(/^\[Install\]\s*$([\s\S]*?)(?=^\[|(?![\s\S]))/gm)].map(([, lines]) => lines).join('\n');

/** Returns the links that [Install] asks for; `unit-links.sh` reads them on the host. */
function asked(name: string, text: string): string[] {
  const install = installOf(text);
  const named = (key: string) => {
    const lines = [...install.matchAll(new RegExp(`^[ \\t]*${key}[ \\t]*=[ \\t]*(.*)$`, 'gm'))].map(
      line => line[1]!,
    );
    const words = lines
      .slice(lines.lastIndexOf('') + 1)
      .join(' ')
      .split(/[ \t]+/);
    return words.filter(word => word !== '' && !word.includes('%'));
  };
  return [
    ...named('WantedBy').map(target => `${target}.wants/${name}`),
    ...named('RequiredBy').map(target => `${target}.requires/${name}`),
    ...named('Alias').filter(alias => alias !== name && !alias.includes('@')),
  ];
}

/** Returns whether a unit can be enabled. It needs a target in [Install]. */
function enabling(text: string): 'disabled' | 'indirect' | 'static' {
  const install = installOf(text);
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

/** Returns the units that a text names, by the key that names them. */
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

/** Returns the unit of a pattern such as `postgresql*`. */
export const serverUnit = (pattern: string): string => `${pattern.replace(/\*.*|\.service$/, '')}.service`;
