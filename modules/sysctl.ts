import { posix } from 'node:path';
import { anyOf, flag, text } from '../engine/module-kit/argument.ts';
import { defineModule } from '../engine/module-kit/define-module.ts';
import { command } from '../engine/probe.ts';
import { shellQuote } from '../engine/quote.ts';
import {
  config,
  configPlaces,
  dotted,
  fileOf,
  keyOf,
  lineFor,
  normal,
  overruled,
  procOf,
  setting,
  winner,
} from './_sysctl.ts';

type Value = string | number | undefined;

/** A kernel parameter, now and at boot. The live value is set first: a value that the kernel refuses reaches no file. */
export const sysctl = defineModule({
  name: 'sysctl',
  summary: 'A kernel parameter: its live value, and a file in /etc/sysctl.d that sets it at boot.',
  args: {
    name: text('Name of the parameter, e.g. `net.ipv4.ip_forward`, or with slashes `net/ipv4/ip_forward`.', {
      pattern: '^[A-Za-z0-9_]+([./][A-Za-z0-9_:@+-]+)+$',
    }),
    value: anyOf(
      [{ type: 'string', pattern: '^[^\\n]*[^\\s][^\\n]*$' }, { type: 'integer' }],
      'Value, as the kernel shows it. Any space separates the items of a list.',
    ),
    live: flag(
      'Whether the live value is set, too. With `false`, only the file is written, also for a parameter that does not exist yet.',
      { default: true },
    ),
  },
  required: ['name'],
  absent: 'removes the file, and leaves the live value as it is',
  examples: {
    'A host that forwards packets': { name: 'net.ipv4.ip_forward', value: 1 },
    'A value with two items': { name: 'net.ipv4.ip_local_port_range', value: '1024 65000' },
    'A parameter of a kernel module that is not loaded yet': {
      name: 'net.bridge.bridge-nf-call-iptables',
      value: 1,
      live: false,
    },
    'The file is removed': { name: 'vm.swappiness', state: 'absent' },
  },
  identity: ({ name }) => dotted(name),
  refine: ({ value }) => [value === undefined && { says: 'Give the value.' }],
  file: ({ name, value }) => ({ path: fileOf(name), content: lineFor(name, value) }),
  probes: ({ name, live }) => ({
    live: live ? command(`cat ${shellQuote(procOf(name))}`, { about: changersOf(name) }) : undefined,
    // The files as they are before the play. A file that an earlier resource changes is only a doubt.
    atBoot: command(config, { about: [] }),
    needsAtBoot: command(config, { about: configPlaces }),
    needsWritable: command(writable(name), { about: ['mount'] }),
  }),
  actual: ({ live, atBoot }, { name, value }) => ({
    live: live?.exit === 0 ? normal(live.stdout) : undefined,
    at_boot: winner(atBoot.stdout, name)?.value ?? normal(value),
  }),
  desired: ({ value, live }) => ({ live: live ? normal(value) : undefined, at_boot: normal(value) }),
  obstacles: ({ name, value }, { live, atBoot, needsAtBoot, needsWritable }, diff) => {
    if (diff.kind === 'remove') return [];
    const [declared, shown] = [value, live?.stdout].map(numbersIn);
    return [
      live &&
        live.exit !== 0 &&
        (needsWritable?.exit === 2
          ? {
              says: `The kernel shows no parameter ${dotted(name)} to this container; its machine may have it.`,
              unknown: true,
            }
          : {
              says: `The kernel has no parameter ${dotted(name)} that can be read.`,
              fix: 'Check the name; load its kernel module in an earlier resource; or write only the file, with live: false.',
            }),
      live?.exit === 0 &&
        diff.has('live') &&
        needsWritable?.exit === 1 && {
          says: `${dotted(name)} is read-only in this container; its machine sets it.`,
          unknown: true,
        },
      declared !== undefined &&
        shown !== undefined &&
        declared !== shown && {
          says: `The value of ${dotted(name)} has ${numbered(declared)}, and the kernel shows ${shown}: ${normal(live?.stdout)}.`,
          fix: `Give the whole value, as \`sysctl -n ${dotted(name)}\` shows it.`,
        },
      overruled((needsAtBoot ?? atBoot).stdout, name, value, !needsAtBoot),
    ];
  },
  steps: (diff, { name, value }, { live }) => [
    diff.has('live') && {
      do: 'run',
      command: setting(name, value),
      touches: [{ kind: 'file', path: procOf(name), content: `${normal(value)}\n` }],
      undo: live?.exit === 0 ? { after: setting(name, live.stdout) } : {},
    },
  ],
  unproven: ({ name }) =>
    `The kernel shows another value than it was given: declare it as \`sysctl -n ${dotted(name)}\` shows it.`,
});

const numbered = (count: number) => (count === 1 ? '1 number' : `${count} numbers`);

/** Returns how many numbers a value consists of, or undefined if it has another form. The kernel never changes how many it shows. */
const numbersIn = (value: Value) =>
  /^-?\d+( -?\d+)*$/.test(normal(value)) ? normal(value).split(' ').length : undefined;
/**
 * Exits 1 if root cannot write the parameter, and 2 if it may be one that the kernel hides from the network of a container.
 * The engine finds the obstacles of other accounts.
 */
const writable = (name: string) => {
  const at = shellQuote(procOf(name));
  const folder = shellQuote(posix.dirname(procOf(name)));
  const isHidden = keyOf(name).startsWith('net/')
    ? `[ -e ${at} ] || { [ -d ${folder} ] && systemd-detect-virt -cq && exit 2; }; `
    : '';
  return `${isHidden}[ "$(id -u)" != 0 ] || ! [ -e ${at} ] || [ -w ${at} ]`;
};

/** The causes of another live value. The parameters right below the named folders exist from boot, so nothing brings them. */
const changersOf = (name: string) => [
  ...[procOf(name), keyOf(name), dotted(name), 'sysctl --system', 'sysctl -p', 'systemd-sysctl'],
  ...(/^(kernel|vm|net\/(core|ipv4|ipv6)(\/(conf|neigh)\/(all|default|lo))?)\/[^/]+$/.test(keyOf(name))
    ? []
    : ['modprobe', 'packages', 'units']),
];
