import { parse, stringify } from 'yaml';
import type { Case, CaseResource, Layer } from './case.ts';

interface Written {
  layer: Layer;
  start: string[];
  playbook: Record<string, unknown>;
}

/** The playbook of a case, as a user would write it. */
export function playbookOf({ plays }: Case): Record<string, unknown> {
  const written = plays.map((resources, at) => ({
    ...(plays.length > 1 ? { name: `Play ${at + 1}` } : {}),
    hosts: 'all',
    become: true,
    resources: resources.map(({ name, module, args, keys }) => ({ name, [module]: args, ...keys })),
  }));
  return written.length === 1 ? written[0]! : { plays: written };
}

/** YAML without references, for people. */
export const yamlText = (value: unknown): string =>
  stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });

/** A case as a file: the layer, the start state and the playbook. */
export function caseText(subject: Case): string {
  const { layer, start } = subject;
  return yamlText({ layer, start, playbook: playbookOf(subject) });
}

/** The case that a file holds, also one written by hand; `moduleNames` tell a resource's module from its other keys. */
export function parseCase(text: string, moduleNames: readonly string[]): Case {
  const { layer = 'blank', start = [], playbook } = parse(text) as Partial<Written>;
  if (playbook === undefined) throw new Error('The case has no playbook.');
  const plays = (playbook['plays'] ?? [playbook]) as { resources: Record<string, unknown>[] }[];
  let count = 0;
  const resource = (written: Record<string, unknown>): CaseResource => {
    const module = Object.keys(written).find(key => moduleNames.includes(key));
    if (module === undefined) throw new Error(`No module in ${JSON.stringify(written)}.`);
    count += 1;
    const { name = `r${count}`, [module]: args, ...keys } = written;
    const map = module === 'apt' && Array.isArray(args) ? { packages: args } : args;
    return { name: String(name), module, args: map as Record<string, unknown>, keys };
  };
  return { layer, start, plays: plays.map(({ resources }) => resources.map(resource)) };
}
