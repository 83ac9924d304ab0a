import { duration, flag, listOf, text } from '../engine/module-kit/argument.ts';
import { defineModule } from '../engine/module-kit/define-module.ts';
import { command, damagedNote, type Owed, owed } from '../engine/probe.ts';
import { bootDirectory, stateDirectory } from '../engine/state-directory.ts';
import { durationS } from '../engine/util/duration.ts';
import { scriptBeside, withVariables } from '../engine/util/text-beside.ts';

const scripts = {
  needed: scriptBeside(import.meta.url, './reboot-needed.sh'),
  host: scriptBeside(import.meta.url, './reboot-host.sh'),
  owed: scriptBeside(import.meta.url, './reboot-owed.sh'),
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
    window: text(
      'Time of day, by the clock of the host, in which it may restart, such as `02:00-04:30`. Outside it nothing is due, and a later apply restarts the host.',
      { pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$' },
    ),
    max_wait: duration(
      'Longest time until the host can be entered again, and from then until all of its units have started.',
      { default: '10m' },
    ),
  },
  examples: {
    'If the host needs it': {},
    'At night': { window: '02:00-04:30' },
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
  probes: ({ required, reboot_on, window = '' }) => ({
    needed: required ? command(scripts.needed, { about: causes }) : undefined,
    owed: reboot_on && owed('host'),
    host: command(withVariables(scripts.host, { b_tried: tried, b_window: window }), { about: [] }),
    // The notes as they are before the play. One that an earlier resource settles is only a doubt.
    notes: command(withVariables(scripts.owed, { b_base: stateDirectory }), { about: [] }),
    needsNotes: command(withVariables(scripts.owed, { b_base: stateDirectory }), { about: ['owed'] }),
  }),
  actual: ({ needed, owed = [], host }, { window }) => {
    if (!isWithin(linesOf(host.stdout).time?.[0], window)) return { reboot: 'no' };
    const because = [...reasons(linesOf(needed?.stdout)), ...owing(owed)].join(', and ');
    return { reboot: because === '' ? 'no' : because };
  },
  desired: () => ({ reboot: 'no' }),
  obstacles: (_args, read, _diff, { transport = 'ssh', nowS, plannedS = nowS }) => {
    const { needed, owed = [], host, notes, needsNotes } = read;
    const { init, tried: before = [], asks = [] } = linesOf(host.stdout);
    const left = earlier(linesOf((needsNotes ?? notes).stdout).owed, plannedS);
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
      left.length > 0 && {
        says: `An earlier apply still owes the ${left.join(', the ')}: a reboot would do its work halfway.`,
        fix: 'Apply its playbook first, or put the resource that does this work before the reboot.',
        unsure: !needsNotes,
      },
      asks.length > 0 && {
        says: `A boot asks for the passphrase of ${asks.join(', ')} in /etc/crypttab: the host stays away until somebody enters it.`,
        warns: true,
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

/** Returns the work that an earlier apply left owed. */
const earlier = (notes: readonly string[] = [], nowS: number): string[] =>
  notes.flatMap(note => {
    const [since, action, unit = ''] = note.split(' ');
    return Number(since) < nowS - earlierS ? [`${action} of ${plain(unit)}`] : [];
  });

/** Whether a time is in a window, which may begin before midnight and end after it. */
function isWithin(time: string | undefined, window: string | undefined): boolean {
  const [from, to] = window?.split('-') ?? [];
  if (time === undefined || from === undefined || to === undefined) return true;
  return from <= to ? from <= time && time < to : from <= time || time < to;
}
