import type { CheckedStep, Step } from '../step.ts';

/** Sets of files that are valid only together, even if several resources write them, and the check of each set. */
const sets: readonly { holds: RegExp; by: string; label: string }[] = [
  {
    holds: /^\/etc\/ssh\/sshd_config(\.d\/.*)?$/,
    // `sshd -t` needs this directory, and sshd creates it only when it starts.
    by: 'command -v sshd >/dev/null || exit 0; mkdir -p /run/sshd && sshd -t',
    label: 'sshd -t',
  },
  {
    holds: /^\/etc\/sudoers(\.d\/.*)?$/,
    by: 'command -v visudo >/dev/null || exit 0; visudo -c',
    label: 'visudo -c',
  },
  {
    holds: /^\/etc\/nginx\//,
    by: 'command -v nginx >/dev/null || exit 0; nginx -t',
    label: 'nginx -t',
  },
];

type Part = CheckedStep['steps'][number];

/** Joins neighbouring steps that change files of one set to a single step, which is checked and reverted as a whole. */
export function inSets(steps: readonly Step[]): Step[] {
  const joined: Step[] = [];
  let open: { set: (typeof sets)[number]; steps: Part[] } | undefined;
  for (const step of steps) {
    const set = isPart(step) ? sets.find(({ holds }) => holds.test(step.path)) : undefined;
    if (set === undefined) {
      open = undefined;
      joined.push(step);
    } else if (open?.set === set) open.steps.push(step as Part);
    else {
      open = { set, steps: [step as Part] };
      joined.push({ do: 'checked', steps: open.steps, by: ['sh', '-c', set.by], label: set.label });
    }
  }
  return joined;
}

function isPart(step: Step): step is Part {
  return (
    step.do === 'write' ||
    step.do === 'link' ||
    ((step.do === 'remove' || step.do === 'attributes') && !step.recursive)
  );
}
