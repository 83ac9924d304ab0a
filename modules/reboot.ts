import { duration, flag, listOf } from '../engine/module-kit/argument.ts';
import { defineModule } from '../engine/module-kit/define-module.ts';
import { command, damagedNote, type Owed, owed } from '../engine/probe.ts';
import { bootDirectory, stateDirectory } from '../engine/state-directory.ts';
import { durationS } from '../engine/util/duration.ts';
import { scriptBeside, withVariables } from '../engine/util/text-beside.ts';

const scripts = {
  needed: scriptBeside(import.meta.url, './reboot-needed.sh'),
  host: scriptBeside(import.meta.url, './reboot-host.sh'),
  settled: scriptBeside(import.meta.url, './reboot-settled.sh'),
};

/** The file that names the kernel that the host was restarted for. It is gone after the next boot. */
const tried = `${bootDirectory}/booted-for`;

/** What may make a host need a reboot. */
const causes = ['packages', '/run/reboot-required', '/run/reboot-required.pkgs', '/boot'];

/** Seconds after which the note of other owed work cannot be one of this run. */
const earlierS = 3600;

/** Seconds for the steps besides the two waits. */
const slackS = 120;

/**
 * No reboot is due. A boot is identified by its ID, and by the start of process 1, because a container may show the ID of the
 * machine that it runs on. The note of an owed reboot lies in /run, so any reboot settles it.
 */
export const reboot = defineModule({
  name: 'reboot',
  summary:
    'No reboot is due: a host that needs one restarts, and the later resources follow in the new boot.',
  args: {
    required: flag(
      'Whether the host restarts if it needs to: if /run/reboot-required is there, or a newer kernel than the running one is installed.',
      { default: true },
    ),
    reboot_on: listOf(
      { type: 'string' },
      'Names of resources whose change makes a reboot necessary, even if an earlier, interrupted apply made the change.',
      { minItems: 1 },
    ),
    max_wait: duration(
      'Longest time until the host can be entered again, and from then until all of its units have started.',
      { default: '10m' },
    ),
  },
  examples: {
    'If the host needs it': {},
    'After a change of the kernel command line, and only then': {
      required: false,
      reboot_on: ['Kernel command line'],
      max_wait: '5m',
    },
  },
  identity: () => 'host',
  together: ['At least one of required and reboot_on states when the host restarts.'],
  refine: ({ required, reboot_on }) => [
    !required &&
      reboot_on === undefined && { at: 'required', says: 'Give reboot_on, or leave out required.' },
  ],
  probes: ({ required, reboot_on }) => ({
    needed: required ? command(scripts.needed, { about: causes }) : undefined,
    owed: reboot_on && owed('host'),
    host: command(withVariables(scripts.host, { b_base: stateDirectory, b_tried: tried }), { about: [] }),
  }),
  actual: ({ needed, owed = [], host }, _args, { nowS, plannedS = nowS }) => {
    const because = [...reasons(linesOf(needed?.stdout)), ...owing(owed)].join(', and ');
    return { reboot: because === '' ? 'no' : because + besides(linesOf(host.stdout).owed, plannedS) };
  },
  desired: () => ({ reboot: 'no' }),
  obstacles: (_args, { needed, owed = [], host }, _diff, { transport = 'ssh' }) => {
    const { init, tried: before = [] } = linesOf(host.stdout);
    const [kernel] = linesOf(needed?.stdout).kernel ?? [];
    const isOther = transport !== 'ssh' && transport !== 'openssh';
    return [
      isOther && {
        says:
          transport === 'local'
            ? 'The host is the computer that runs this program, and would end the run with itself.'
            : `A container that is entered by ${transport} does not start again by itself.`,
        fix: 'Leave the reboot out for this host, e.g. by `when`.',
      },
      !init && {
        says: 'systemd does not run the host, so it cannot restart it.',
        fix: 'Leave the reboot out for this host, e.g. by `when`.',
      },
      owed.length === 0 &&
        kernel !== undefined &&
        before.includes(newest(kernel)) && {
          says: `The host was restarted for kernel ${newest(kernel)}, and its boot loader chose ${running(kernel)} again.`,
          fix: 'Correct the default entry of the boot loader (`grub-editenv list`, GRUB_DEFAULT), or remove the newer kernel.',
        },
    ];
  },
  steps: (_diff, { max_wait }, { needed, host }) => {
    const [kernel] = linesOf(needed?.stdout).kernel ?? [];
    const waitS = durationS(max_wait);
    const script = withVariables(scripts.settled, {
      b_within: waitS,
      b_failed: linesOf(host.stdout).failed?.join(' '),
      b_kernel: kernel && newest(kernel),
      b_tried: tried,
    });
    return [
      { do: 'reboot', withinS: waitS },
      {
        do: 'run',
        label: 'wait until all units have started',
        command: script,
        timeoutS: waitS + slackS / 2,
        undo: {},
        touches: [],
      },
    ];
  },
  reacts: ({ reboot_on = [] }) => [{ to: [...reboot_on], unit: () => 'host', action: 'reboot' }],
  timeoutS: ({ max_wait }) => durationS(max_wait) + slackS,
});

/** Returns the rests of lines by their first words. */
function linesOf(text = ''): Partial<Record<string, string[]>> {
  const found: Record<string, string[]> = {};
  for (const line of text.split('\n').filter(Boolean)) {
    const [word = ''] = line.split(' ', 1);
    (found[word] ??= []).push(line.slice(word.length + 1));
  }
  return found;
}

const running = (kernel: string) => kernel.split(' ')[0]!;
const newest = (kernel: string) => kernel.split(' ').at(-1)!;

function reasons({ asked, package: packages, kernel }: ReturnType<typeof linesOf>): string[] {
  const [newer] = kernel ?? [];
  return [
    ...(packages
      ? [`because ${packages.join(', ')} asked for it`]
      : asked
        ? ['because the host asks for it']
        : []),
    ...(newer ? [`because kernel ${newest(newer)} is installed and ${running(newer)} runs`] : []),
  ];
}

function owing(owed: readonly Owed[]): string[] {
  const names = [...new Set(owed.map(({ because }) => because))].sort();
  if (names.length === 0) return [];
  return names.includes(damagedNote)
    ? ['because the note of an owed reboot is damaged']
    : [`because ${names.join(', ')} changed`];
}

/** Returns a name without the escapes of the file name of its note. */
const plain = (name: string) =>
  name.replace(/%([2-7][0-9A-F])/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));

/** Returns the work that an earlier apply left owed: the reboot comes before it. */
function besides(notes: readonly string[] = [], nowS: number): string {
  const earlier = notes.flatMap(note => {
    const [since, action, unit = ''] = note.split(' ');
    return Number(since) < nowS - earlierS ? [`${action} of ${plain(unit)}`] : [];
  });
  return earlier.length === 0 ? '' : ` (still owed by an earlier apply: ${earlier.join(', ')})`;
}
