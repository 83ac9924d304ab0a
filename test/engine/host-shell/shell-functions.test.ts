import { mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { allFunctions } from '../../../engine/host-shell/shell-functions.ts';
import { scratch, sh, shells, testState } from '../shell.ts';

/** The process of a shell that has ended, as sessions name themselves. */
const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').split('-')[0]!;

describe.each(shells)('functions of a session run by %s', (_name, argv) => {
  const run = (script: string, input?: string) => {
    const { exit, stdout, stderr } = sh(script, Buffer.from(input ?? ''), argv);
    return { exit, stdout: stdout.toString(), stderr: stderr.toString() };
  };
  const state = () => testState();
  afterEach(() => void sh('rm -rf -- "$r_base"/owed "$r_base"/outcome.*', undefined, argv));

  it('are those that their headers name', () => {
    const names = [...allFunctions.matchAll(/^(r_\w+)\(\)/gm)].map(([, name]) => name!);
    expect(names.length).toBeGreaterThan(50);
    expect(run(`for f in ${names.join(' ')}; do command -v "$f" >/dev/null || echo "$f"; done`).stdout).toBe(
      '',
    );
  });

  it('r_dead distinguishes an ended session from a living one', () => {
    expect(run(`r_dead "x.${boot}.$$.y"`).exit).toBe(1);
    expect(run(`r_dead "x.${boot}.4194304.y"`).exit).toBe(0);
    expect(run('r_dead "x.00000000.$$.y"').exit).toBe(0);
  });

  it('r_expect accepts expected exit codes and returns any other', () => {
    expect(run('r_k=K; r_expect 3 0 3').exit).toBe(0);
    expect(run('r_k=K; r_expect 4 0 3')).toMatchObject({ exit: 4, stdout: '\nK:4\n' });
    expect(run('r_k=K; r_expect 0 3').exit).toBe(1);
  });

  it('r_owe adds a note once, r_owed prints it, and r_pay removes it', () => {
    const note = 'r_owe app.service restart "a change"';
    const { stdout } = run(
      `${note}; ${note}; r_owe app.service reload other; r_owed app.service none.service`,
    );
    expect(stdout.replace(/\d{9,}/g, 'T')).toBe(
      'app.service\trestart\tT\ta change\napp.service\treload\tT\tother\n',
    );
    expect(run('r_pay app.service; r_owed app.service').stdout).toBe('');
  });

  it('r_owe keeps the note of a reboot in the folder that ends with the boot', () => {
    const { stdout } =
      run(`r_records=$r_base/boot; r_owe host reboot A; r_owed host; ls "$r_base/boot" "$r_base/owed"
      r_pay host; r_owed host; rm -r "$r_base/boot"`);
    expect(stdout.replace(/\d{9,}/, 'T')).toBe(
      `host\treboot\tT\tA\n${state()}/boot:\nowed.host\n\n${state()}/owed:\n`,
    );
  });

  it('r_boot prints the ID of the boot and the start of process 1', () => {
    const [, ...fields] = readFileSync('/proc/1/stat', 'utf8').split(/\) | /).slice(-51);
    expect(run('r_boot').stdout).toMatch(new RegExp(`^${boot}-[0-9a-f-]{27} \\d+\\n$`));
    expect(fields.join(' ')).toContain(run('r_boot').stdout.trim().split(' ')[1]);
  });

  it('r_owed also prints a note without its final newline, an empty one and a folder, and r_owe and r_pay work on them', () => {
    const at = '"$r_base/owed"';
    run(`mkdir -p ${at} ${at}/folder; printf 'restart\\t1\\tF' >${at}/cut; : >${at}/empty`);
    expect(run('r_owed cut empty folder').stdout).toBe('cut\trestart\t1\tF\nempty\t\nfolder\t\n');
    expect(run('r_owe cut reload G; r_owed cut').stdout).toMatch(
      /^cut\trestart\t1\tF\ncut\treload\t\d+\tG\n$/,
    );
    expect(run('r_pay cut; r_pay empty; r_pay folder; r_owed cut empty folder').stdout).toBe('');
  });

  it('a state directory that another account could write to is not believed', () => {
    const trusted = () => run('mkdir -p "$r_home/owed"; r_show; r_history; r_believable');
    expect(trusted()).toEqual({ exit: 0, stdout: '', stderr: '' });
    const refused = run('chmod 777 "$r_home/owed"; r_recover; r_show; echo $?; r_history; echo $?');
    expect(refused.stdout).toBe('79\n79\n');
    expect(refused.stderr).toMatch(/^(\S+\/owed\t\S+\t777\n){2}$/);
    run('chmod 700 "$r_home/owed"');
    if (process.getuid?.() === 0) {
      expect(run('chown 65534 "$r_home/owed"; r_show').exit).toBe(79);
      run('chown 0 "$r_home/owed"');
    }
    expect(trusted().exit).toBe(0);
  });

  it('r_disown removes the notes of a change that did not begin, and keeps earlier ones', () => {
    run('r_owe old.service restart before');
    expect(
      run('r_noted=; r_owe old.service restart before; r_owe new.service restart now; (exit 7); r_disown')
        .exit,
    ).toBe(7);
    expect(run('r_owed old.service new.service').stdout).toMatch(/^old\.service\trestart\t\d+\tbefore\n$/);
  });

  it('r_content prints a file up to its limit, and nothing for a thing of another type', () => {
    const folder = scratch();
    writeFileSync(join(folder, 'f'), 'text');
    const { stdout } = run(`r_k=K; r_content 9 ${folder}/f ${folder} ${folder}/none`);
    expect(stdout).toBe(`9\n${folder}/f\0text\nK end\n`);
    expect(run(`r_k=K; r_content 2 ${folder}/f`).stdout).toBe(`2\n${folder}/f\0tex\nK end\n`);
  });

  it('r_recorded keeps the output and exit code of a change, and r_outcome prints them', () => {
    const change = 'r_change() { cat; echo words >&2; exit 5; }';
    expect(run(`${change}; r_recorded run1 2`, 'given')).toEqual({
      exit: 5,
      stdout: 'given',
      stderr: 'words\n',
    });
    expect(run('r_outcome run1 2')).toEqual({ exit: 0, stdout: 'ended 5\ngiven', stderr: 'words\n' });
    expect(run('r_outcome run1 3').stdout).toBe('never\n');
    expect(run('r_running run1').exit).toBe(1);
  });

  it('r_recorded keeps the beginning and the end of a long output in little room', () => {
    const change = `r_change() { echo first; head -c 9000000 /dev/zero | tr '\\0' x | fold -w 99; echo; echo last; }`;
    const room = 'du -sk "$r_records/outcome.run3" | cut -f1 >&2';
    const { stdout, stderr } = run(`${change}; r_recorded run3 1; ${room}`);
    expect([stdout.slice(0, 6), stdout.slice(-6)]).toEqual(['first\n', '\nlast\n']);
    const [, gone] = /\n… (\d\.\d) MB more not kept …\n/.exec(stdout) ?? [];
    const whole = 9_000_000 + Math.ceil(9_000_000 / 99) - 1 + 12;
    expect((whole - stdout.replace(/\n… .* …\n/, '').length) / 1e6 - Number(gone)).toBeCloseTo(0.05, 1);
    expect(stdout.length).toBeLessThan(1_000_000);
    expect(Number(stderr)).toBeLessThan(4000);
    expect(run('r_outcome run3 1').stdout).toBe(`ended 0\n${stdout}`);
  });

  it('r_recorded does not wait for a process that goes on, and such a process may go on writing', () => {
    const change = `r_change() { echo begun; (sleep 3; echo later && echo done >${state()}/later) & }`;
    const { stdout, stderr } = run(
      `${change}; r_recorded run4 1; rm -rf "$r_records/outcome.run4"; [ -e ${state()}/later ] || echo early >&2`,
    );
    expect([stdout, stderr]).toEqual(['begun\n', 'early\n']);
    expect(run(`sleep 3; cat ${state()}/later; rm ${state()}/later`).stdout).toBe('done\n');
  });

  it('r_outcome reports a change as cut off if its process ended without an outcome', () => {
    mkdirSync(join(state(), 'outcome.run2'));
    writeFileSync(join(state(), 'outcome.run2/of'), '1 4194304\n');
    expect(run('r_outcome run2 1').stdout).toBe('cut\n');
    expect(run('r_works run2 4194304').exit).not.toBe(0);
    expect(run('r_works run2 $$').exit).toBe(0);
  });

  it('r_forget_outcomes removes records that were not read for ten minutes', () => {
    for (const [name, ageS] of [
      ['old', 660],
      ['new', 60],
    ] as const) {
      const folder = join(state(), `outcome.${name}`);
      mkdirSync(folder);
      const at = Math.floor(statS() - ageS);
      utimesSync(folder, at, at);
    }
    expect(run('r_forget_outcomes; cd "$r_records" && echo outcome.*').stdout).toBe('outcome.new\n');
  });

  /** The time of this machine, as the age of files is counted. */
  const statS = () => Number(run('date +%s').stdout);
});
