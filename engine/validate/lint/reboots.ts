import type { Rule } from './rule.ts';

export const rebootTogether: Rule = {
  code: 'reboot-together',
  explanation:
    'A play restarts its hosts, and nothing keeps it from restarting all of them at the same time. Give the play a `rollout`, or the resource an `at_once`.',
  *check({ together, resources }) {
    if (!together) return;
    for (const { module, present, resource, text } of resources)
      if (module === 'reboot' && present && resource.atOnce === undefined)
        yield {
          message: 'All hosts of this play may restart at the same time.',
          hint: 'Write: at_once: 1',
          at: text.at,
          of: text,
        };
  },
};
