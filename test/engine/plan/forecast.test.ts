import { describe, expect, it } from 'vitest';
import type { Effect } from '../../../engine/effect.ts';
import { stoppedUnit } from '../../../engine/host-knowledge.ts';
import { Forecast } from '../../../engine/plan/forecast.ts';
import {
  account,
  command,
  content,
  entries,
  installedPackage,
  Missing,
  owed,
  type Probe,
  path,
  program,
  sql,
  unit,
} from '../../../engine/probe.ts';
import type { Reading } from '../../../engine/probes/probe-kind.ts';
import { keyOf } from '../../../engine/probes/probe-kinds.ts';
import type { Resource } from '../../../engine/resource.ts';

const folder = { type: 'directory', owner: 'root', group: 'root', mode: '0755' };
const file = { type: 'file', owner: 'root', group: 'root', mode: '0644' };
const link = (target: string) => ({ type: 'link', owner: 'root', group: 'root', mode: '0777', target });

/** A host on which /etc, /srv, /usr and /var are, and besides what `readings` say. */
function host(...readings: [Probe, unknown][]) {
  const all = new Map<string, Reading>(readings.map(([probe, value]) => [keyOf(probe), { value }]));
  const asked: Probe[] = [];
  const forecast = new Forecast();
  const raw = (probe: Probe): Reading => {
    const known = all.get(keyOf(probe));
    if (known !== undefined) return known;
    asked.push(probe);
    return { value: probe.kind === 'path' && /^\/(etc|srv|usr|var)$/.test(probe.path) ? folder : null };
  };
  return {
    asked,
    missing: (probe: Probe, missing: Missing) => all.set(keyOf(probe), { missing }),
    after(by: string, ...effects: Effect[]) {
      forecast.recordChange(
        { name: by, module: { name: by, identity: () => '' }, when: true } as never as Resource,
        undefined,
      );
      forecast.lay(effects, { by, account: 'root', maybe: false }, raw);
      return this;
    },
    predicts(probe: Probe) {
      const { reading, from, open } = forecast.predict(probe, raw)!;
      const value = 'value' in reading ? reading.value : reading;
      return { value, from, open };
    },
  };
}

const packages = (names: string[], more: Partial<Extract<Effect, { kind: 'packages' }>> = {}): Effect => ({
  kind: 'packages',
  comes: new Map(names.map(name => [name, undefined])),
  goes: [],
  whole: true,
  ...more,
});

describe('files', () => {
  it('are as read without changes', () => {
    const one = host([path('/srv/a'), file]);
    expect(one.predicts(path('/srv/a'))).toEqual({ value: file, from: [], open: false });
    expect(one.asked).toEqual([]);
  });

  it('have their declared properties after a write, and keep the others', () => {
    const one = host([path('/srv/a'), { ...file, owner: 'app', mode: '0600' }]);
    one.after('A', { kind: 'file', path: '/srv/a', content: 'x', group: 'adm' });
    expect(one.predicts(path('/srv/a'))).toMatchObject({
      value: { type: 'file', owner: 'app', group: 'adm', mode: '0600' },
      from: ['A'],
      open: false,
    });
    expect(one.predicts(content('/srv/a'))).toMatchObject({
      value: { bytes: Buffer.from('x') },
      open: false,
    });
  });

  it('come with the folders above a directory', () => {
    const one = host().after('A', { kind: 'directory', path: '/srv/a/b', mode: '0700' });
    expect(one.predicts(path('/srv/a'))).toMatchObject({ value: folder, from: ['A'], open: false });
    expect(one.predicts(path('/srv/a/b'))).toMatchObject({ value: { ...folder, mode: '0700' } });
    expect(one.predicts(path('/srv/other'))).toEqual({ value: null, from: [], open: false });
  });

  it('are removed with their folder, and are new in it afterwards', () => {
    const one = host([path('/srv/a'), folder], [path('/srv/a/f'), { ...file, mode: '0600' }]);
    one.after('Gone', { kind: 'removal', path: '/srv/a' });
    expect(one.predicts(path('/srv/a/f'))).toEqual({ value: null, from: ['Gone'], open: false });
    one.after('Back', { kind: 'directory', path: '/srv/a' }, { kind: 'file', path: '/srv/a/f', content: '' });
    expect(one.predicts(path('/srv/a/f'))).toMatchObject({ value: { mode: '0644' }, from: ['Back'] });
  });

  it('of /proc are as read, because its links lead each process to another place', () => {
    const one = host(
      [path('/proc'), folder],
      [path('/proc/net'), link('self/net')],
      [path('/proc/self'), link('4711')],
      [path('/proc/net/if_inet6'), file],
    );
    one.after('Packages', packages(['nginx']));
    expect(one.predicts(path('/proc/net/if_inet6'))).toEqual({ value: file, from: [], open: false });
  });

  it('are below the target of a link, and move with it', () => {
    const one = host(
      [path('/srv/cur'), link('r/1')],
      [path('/srv/cur/f'), file],
      [path('/srv/r'), folder],
      [path('/srv/r/1'), folder],
      [path('/srv/r/2'), folder],
      [path('/srv/r/1/f'), file],
      [path('/srv/r/2/f'), null],
    );
    one.after('Other', { kind: 'file', path: '/srv/other', content: '' });
    expect(one.predicts(path('/srv/cur/f'))).toMatchObject({ value: file, open: false });
    one.after('Current', { kind: 'link', path: '/srv/cur', target: 'r/2' });
    expect(one.predicts(path('/srv/cur/f'))).toMatchObject({ value: null, open: false });
    one.after('F', { kind: 'file', path: '/srv/cur/f', content: 'new' });
    expect(one.predicts(content('/srv/r/2/f'))).toMatchObject({ value: { bytes: Buffer.from('new') } });
    expect(one.predicts(path('/srv/r/1/f'))).toMatchObject({ value: file });
  });

  it('have the owner of a recursive change, and a new one has its own', () => {
    const below = { ...file, path: 'f', sha256: 'x' };
    const one = host([path('/srv/a'), folder], [entries('/srv/a'), [below]], [path('/srv/a/f'), file]);
    one.after('A', { kind: 'attributes', path: '/srv/a', owner: 'app', recursive: true });
    one.after('G', { kind: 'file', path: '/srv/a/g', content: '' });
    expect(one.predicts(path('/srv/a/f'))).toMatchObject({ value: { owner: 'app' }, from: ['A'] });
    expect(one.predicts(entries('/srv/a'))).toMatchObject({
      value: [
        { path: 'f', owner: 'app' },
        { path: 'g', owner: 'root' },
      ],
      from: ['A', 'G'],
      open: false,
    });
  });

  it('have the group of their set-group-ID folder', () => {
    const one = host([path('/srv/a'), { ...folder, group: 'staff', mode: '2775' }]);
    one.after('A', { kind: 'directory', path: '/srv/a/b' }, { kind: 'file', path: '/srv/a/f', content: '' });
    expect(one.predicts(path('/srv/a/b'))).toMatchObject({ value: { group: 'staff', mode: '2755' } });
    expect(one.predicts(path('/srv/a/f'))).toMatchObject({ value: { group: 'staff', mode: '0644' } });
  });

  it.each([
    ['/etc/app.conf', true],
    ['/var/www/html', true],
    ['/usr/share/app', true],
    ['/var/lib/app-data', true],
    ['/var/log/other', false],
    ['/etc/systemd/system/app.service', false],
    ['/etc/systemd/system/multi-user.target.wants/app.service', true],
    ['/usr/local/bin/app', false],
    ['/srv/app', false],
    ['/opt/app', false],
    ['/home/app/x', false],
  ])('may come with a package where Debian has packages write: %s %s', (at, open) => {
    const one = host().after('Apt', packages(['app']));
    expect(one.predicts(path(at))).toEqual({ value: null, from: open ? ['Apt'] : [], open });
    one.after('File', { kind: 'file', path: at, content: '', owner: 'root', group: 'root', mode: '0644' });
    expect(one.predicts(path(at))).toMatchObject({ value: file, open: false });
  });

  it('that exist stay, unless a package is purged', () => {
    const one = host([path('/etc/app.conf'), file]).after('Apt', packages(['app']));
    expect(one.predicts(path('/etc/app.conf'))).toMatchObject({ value: file, open: false });
    one.after('Purge', packages([], { goes: ['app'], purges: true }));
    expect(one.predicts(path('/etc/app.conf'))).toEqual({ value: file, from: ['Purge'], open: true });
  });

  it('that are missing and named by a command may come with it, together with paths above and below', () => {
    const one = host([path('/srv/there'), file]);
    one.after('Command', { kind: 'anything', text: 'git clone x /srv/app/code && touch /srv/there' });
    for (const at of ['/srv/app', '/srv/app/code', '/srv/app/code/f'])
      expect(one.predicts(path(at))).toMatchObject({ value: null, from: ['Command'], open: true });
    expect(one.predicts(path('/srv/other'))).toMatchObject({ open: false });
    expect(one.predicts(path('/srv/there'))).toMatchObject({ value: file, open: false });
  });
});

describe('units', () => {
  const absent = { LoadState: 'not-found', ActiveState: 'inactive', UnitFileState: '' };

  it.each([
    ['[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n', 'disabled'],
    ['[Service]\nExecStart=/bin/true\n', 'static'],
    ['[Service]\nExecStart=/bin/true\n[Install]\nAlso=app.socket\n', 'indirect'],
  ])('are there once their file is written, as its [Install] says: %j %s', (text, UnitFileState) => {
    const one = host([unit('app.service'), absent]);
    one.after('File', { kind: 'file', path: '/etc/systemd/system/app.service', content: text });
    expect(one.predicts(unit('app.service'))).toMatchObject({
      value: { ...stoppedUnit, UnitFileState },
      from: ['File'],
      open: false,
    });
  });

  it('are enabled and started according to their drop-ins, in any order', () => {
    const dropIn = { kind: 'file', path: '/etc/systemd/system/app.service.d/a.conf' } as const;
    const file = { kind: 'file', path: '/etc/systemd/system/app.service' } as const;
    const install = { ...dropIn, content: '[Install]\nWantedBy=multi-user.target\n' };
    const service = { ...file, content: '[Service]\nExecStart=/bin/true\n' };
    for (const effects of [
      [install, service],
      [service, install],
    ]) {
      const one = host([unit('app.service'), absent]);
      for (const effect of effects) one.after('File', effect);
      expect(one.predicts(unit('app.service'))).toMatchObject({ value: { UnitFileState: 'disabled' } });
    }
  });

  it('know the paths of their drop-ins', () => {
    const was = { ...stoppedUnit, DropInPaths: '/run/systemd/system/app.service.d/b.conf' };
    const at = '/etc/systemd/system/app.service.d/a.conf';
    const one = host([unit('app.service'), was], [content(at), null]);
    one.after('Drop-in', { kind: 'file', path: at, content: '[Service]\nNice=5\n' });
    expect(one.predicts(unit('app.service'))).toMatchObject({
      value: { DropInPaths: `${was.DropInPaths} ${at}` },
      open: false,
    });
    one.after('Removal', { kind: 'removal', path: at });
    expect(one.predicts(unit('app.service'))).toMatchObject({ value: { DropInPaths: was.DropInPaths } });
  });

  it('are generated from a file of Quadlet', () => {
    const path = '/etc/containers/systemd/data.volume';
    const one = host([unit('data-volume.service'), absent]);
    one.after('Volume', { kind: 'file', path, content: '[Volume]\n' });
    expect(one.predicts(unit('data-volume.service'))).toMatchObject({
      value: { LoadState: 'loaded', ActiveState: 'inactive', UnitFileState: 'generated', SourcePath: path },
      from: ['Volume'],
      open: false,
    });
  });

  it('of a template exist once the template is written', () => {
    const one = host([unit('app@1.service'), absent]);
    one.after('File', {
      kind: 'file',
      path: '/etc/systemd/system/app@.service',
      content: '[Service]\nExecStart=/bin/true\n',
    });
    expect(one.predicts(unit('app@1.service'))).toMatchObject({
      value: { LoadState: 'loaded' },
      open: false,
    });
  });

  it('are open if systemd would not load their file', () => {
    const one = host([unit('app.service'), absent]);
    one.after('File', { kind: 'file', path: '/etc/systemd/system/app.service', content: 'one\n' });
    expect(one.predicts(unit('app.service'))).toMatchObject({ from: ['File'], open: true });
  });

  it('may come with any package, most probably enabled and running', () => {
    const one = host([unit('app.service'), absent], [unit('old.service'), stoppedUnit]);
    one.after('Apt', packages(['another-name']));
    expect(one.predicts(unit('app.service'))).toMatchObject({
      value: { ActiveState: 'active', UnitFileState: 'enabled' },
      from: ['Apt'],
      open: true,
    });
    expect(one.predicts(unit('old.service'))).toMatchObject({ value: stoppedUnit, open: false });
  });

  it('are removed with their package and their file', () => {
    const running = { ...stoppedUnit, ActiveState: 'active' };
    const one = host([unit('memcached.service'), running], [unit('w.service'), stoppedUnit]);
    one.after('Apt', packages([], { goes: ['memcached'] }));
    expect(one.predicts(unit('memcached.service'))).toMatchObject({ open: true });
    one.after('Unit', { kind: 'removal', path: '/etc/systemd/system/w.service' });
    expect(one.predicts(unit('w.service'))).toMatchObject({ value: { LoadState: 'not-found' }, open: false });
  });
});

it('packages are exact as far as they are named, and open if others may come along', () => {
  const one = host([installedPackage('a'), null], [installedPackage('dep'), null]).after(
    'Apt',
    packages(['a']),
  );
  expect(one.predicts(installedPackage('a'))).toMatchObject({ value: { status: 'installed' }, open: false });
  expect(one.predicts(installedPackage('dep'))).toEqual({ value: null, from: [], open: false });
  one.after('Blind', packages(['b'], { whole: false }));
  expect(one.predicts(installedPackage('dep'))).toEqual({ value: null, from: ['Blind'], open: true });
  one.after('Gone', packages([], { goes: ['a'], purges: true }));
  expect(one.predicts(installedPackage('a'))).toEqual({ value: null, from: ['Gone'], open: false });
});

it('packages of another architecture are other packages', () => {
  const [own, foreign] = [installedPackage('a:amd64'), installedPackage('a:i386')];
  const one = host([installedPackage('a'), null], [own, null], [foreign, null]);
  one.after('Unknown', packages(['a']));
  expect(one.predicts(own)).toMatchObject({ value: { status: 'installed' }, open: true });
  one.after('Apt', packages(['a'], { architecture: 'amd64' }));
  expect(one.predicts(own)).toMatchObject({ value: { status: 'installed' }, open: false });
  expect(one.predicts(foreign)).toEqual({ value: null, from: [], open: false });
  one.after('Foreign', packages(['a:i386']));
  expect(one.predicts(foreign)).toMatchObject({ value: { status: 'installed' }, from: ['Foreign'] });
});

it('a simulation leaves out what earlier resources install and remove anyway', () => {
  const simulation = command('apt-get -s install b', { about: [], simulates: 'install' });
  const stdout = 'Inst a (1 [all])\nInst dep (1 [all])\nInst b (2 [all])\nRemv old [1]\nRemv c [1]\n';
  const planned = { ...simulation, planned: ['a', 'old-'] } as Probe;
  const one = host([planned, { exit: 0, stdout, stderr: '' }]).after('Apt', {
    ...{ kind: 'packages', asked: ['a'], dependencies: ['dep'], goes: ['old'], whole: true },
    comes: new Map([
      ['a', '1'],
      ['dep', '1'],
    ]),
  });
  expect(one.predicts(simulation)).toMatchObject({
    value: { stdout: 'Inst b (2 [all])\nRemv c [1]\n' },
    open: false,
  });
});

it('a number may be that of a new account without one, and a number of people is of no package', () => {
  const one = host();
  one.after('Packages', packages(['nginx']));
  expect(one.predicts(account('group', '1501'))).toMatchObject({ value: null, open: false });
  expect(one.predicts(account('group', '120'))).toMatchObject({ value: null, open: true });
  one.after('New', { kind: 'account', database: 'group', name: 'operators', line: ['operators', 'x', ''] });
  expect(one.predicts(account('group', '1501'))).toMatchObject({ value: null, from: ['New'], open: true });
});

it('no account is there after its removal', () => {
  const one = host([account('passwd', 'carl'), ['carl', 'x', '1001']]);
  one.after('Gone', { kind: 'account', database: 'passwd', name: 'carl', line: null });
  expect(one.predicts(account('passwd', 'carl'))).toMatchObject({
    value: null,
    from: ['Gone'],
    open: false,
  });
});

it('missing accounts and programs may come with a package', () => {
  const one = host([program('git'), '/usr/bin/git']).after('Apt', packages(['a']));
  expect(one.predicts(account('passwd', 'app'))).toMatchObject({ value: null, open: true });
  expect(one.predicts(program('tool'))).toMatchObject({ value: null, open: true });
  expect(one.predicts(program('git'))).toMatchObject({ open: false });
});

it('a program exists once its file is written to a folder of programs', () => {
  const one = host().after('A', { kind: 'file', path: '/usr/local/bin/tool', content: '' });
  expect(one.predicts(program('tool'))).toMatchObject({ value: '/usr/local/bin/tool', open: false });
});

it('a change notes the owed restart, and the restart removes the note', () => {
  const one = host([owed('app'), []]);
  one.after('A', { kind: 'note', unit: 'app', owed: { action: 'restart', because: 'A' } });
  expect(one.predicts(owed('app'))).toMatchObject({ value: [{ because: 'A', sinceS: null }], from: ['A'] });
  one.after('App', { kind: 'note', unit: 'app' });
  expect(one.predicts(owed('app'))).toMatchObject({ value: [], open: false });
});

it('what a command answers is open behind any change, unless it says what it is about', () => {
  const one = host().after('A', { kind: 'file', path: '/srv/a/f', content: '' });
  expect(one.predicts(command('true'))).toMatchObject({ from: ['A'], open: true });
  expect(one.predicts(command('true', { about: [] }))).toMatchObject({ open: false });
  expect(one.predicts(command('true', { about: ['/srv/a'] }))).toMatchObject({ open: true });
  expect(one.predicts(command('true', { about: ['/srv/b', 'packages'] }))).toMatchObject({ open: false });
  one.after('Apt', packages(['x']));
  expect(one.predicts(command('true', { about: ['packages'] }))).toMatchObject({ open: true });
});

describe('a PostgreSQL server', () => {
  const rows = sql('SELECT 1', { about: ['role:app'] });

  it('answers otherwise only where an object changed that the query is about, or a command ran', () => {
    const one = host([rows, [{}]]).after('DB', { kind: 'objects', names: ['database:db'] });
    expect(one.predicts(rows)).toEqual({ value: [{}], from: [], open: false });
    one.after('Role', { kind: 'objects', names: ['role:app'] });
    expect(one.predicts(rows)).toEqual({ value: [{}], from: ['Role'], open: true });
    const other = host([rows, []]).after('Command', { kind: 'anything', text: 'migrate' });
    expect(other.predicts(rows)).toMatchObject({ from: ['Command'], open: true });
  });

  it('cannot be queried once it is stopped', () => {
    const one = host([rows, []]);
    one.after('Stop', { kind: 'unit', name: 'postgresql.service', sets: { ActiveState: 'inactive' } });
    expect(one.predicts(rows)).toMatchObject({ value: { missing: expect.any(Missing) }, open: false });
  });

  it('can be queried once it is started', () => {
    const one = host();
    one.missing(rows, new Missing('a server', ['package:postgresql', 'running:postgresql*']));
    expect(one.predicts(rows)).toMatchObject({ open: false });
    one.after('Start', { kind: 'unit', name: 'postgresql.service', sets: { ActiveState: 'active' } });
    expect(one.predicts(rows)).toMatchObject({ from: ['Start'], open: true });
  });
});

it('a step that may be impossible leaves its effects open', () => {
  const one = host([path('/srv/a'), file]);
  const forecast = new Forecast();
  const raw = (probe: Probe): Reading => ({ value: keyOf(probe) === keyOf(path('/srv/a')) ? file : null });
  forecast.recordChange(
    { name: 'A', module: { name: '', identity: () => '' } } as never as Resource,
    undefined,
  );
  forecast.lay([{ kind: 'removal', path: '/srv/a' }], { by: 'A', account: 'root', maybe: true }, raw);
  expect(forecast.predict(path('/srv/a'), raw)).toMatchObject({ from: ['A'], open: true });
  expect(one.asked).toEqual([]);
});

describe('after a boot', () => {
  const app = unit('app.service');
  const after = (state: object) =>
    host([app, { LoadState: 'loaded', ...state }]).after('Reboot', { kind: 'boot' });

  it('a unit is uncertain that is enabled and did not run, or the other way round', () => {
    for (const [UnitFileState, ActiveState, open] of [
      ['enabled', 'active', false],
      ['enabled', 'inactive', true],
      ['disabled', 'active', true],
      ['disabled', 'inactive', false],
      ['static', 'active', false],
    ] as const)
      expect(after({ UnitFileState, ActiveState }).predicts(app)).toMatchObject({ open });
  });

  it('a unit that is not there does not come', () => {
    const one = host([app, { LoadState: 'not-found' }]).after('Reboot', { kind: 'boot' });
    expect(one.predicts(app)).toMatchObject({ value: { LoadState: 'not-found' }, open: false });
  });
});
