import { placeKey, sortedByPlace, type Warning } from '../../problem.ts';
import { didYouMean } from '../../util/did-you-mean.ts';
import { allowsIn } from './allow.ts';
import { clockInArgument } from './clock.ts';
import { publicBind, tooManyConnections } from './gunicorn.ts';
import { aliasSlash } from './nginx.ts';
import { rebootTogether } from './reboots.ts';
import type { Finding, Rule } from './rule.ts';
import { keyReadable, secretInClear } from './secrets-in-clear.ts';
import { restartMissing } from './services.ts';
import { secretShort } from './short-secrets.ts';
import { socketUnreachable } from './sockets.ts';
import type { Subject } from './subject.ts';
import { unreachableTag } from './unreachable-tags.ts';
import { urlPassword } from './urls.ts';

export { kindsOf, type Source, type Subject, subjectOf } from './subject.ts';

const rules: readonly Rule[] = [
  aliasSlash,
  secretInClear,
  secretShort,
  keyReadable,
  publicBind,
  socketUnreachable,
  tooManyConnections,
  urlPassword,
  restartMissing,
  rebootTogether,
  unreachableTag,
  clockInArgument,
];

const unusedAllow = 'unused-allow';

/** The explanation of each warning, by its code. */
export const warnings: Readonly<Record<string, string>> = {
  ...Object.fromEntries(rules.map(({ code, explanation }) => [code, explanation])),
  [unusedAllow]:
    'A comment `# lint: allow CODE` keeps nothing quiet: there is no such warning on its line, on the next one, or where the resource begins, or no rule has this code. Take it away, so that it does not hide a mistake of later.',
};

/** Returns the warnings about the plays of a playbook that no comment allows, in the order of the files. */
export function lint(subjects: readonly Subject[]): Warning[] {
  const allows = allowsIn(new Set(subjects.flatMap(({ files }) => [...files])));
  const found = new Map<string, Warning>();
  const add = (code: string, { message, hint, at }: Finding) => {
    const key = JSON.stringify([code, placeKey(at), message]);
    if (!found.has(key)) found.set(key, { severity: 'warning', code, message, hint, at });
  };
  const resources = [...new Set(subjects.flatMap(subject => subject.resources))];
  for (const { code, each, check } of rules) {
    const findings = [
      ...(each === undefined ? [] : resources.flatMap(resource => [...each(resource)])),
      ...(check === undefined ? [] : subjects.flatMap(subject => [...check(subject, subjects)])),
    ];
    for (const finding of findings) if (!allows.allow(code, finding)) add(code, finding);
  }
  for (const { code, at } of allows.unused()) {
    const isRule = Object.hasOwn(warnings, code);
    const message = `This comment allows "${code}", and ${isRule ? 'there is no such warning here' : 'lint has no such rule'}.`;
    const near = isRule ? undefined : didYouMean(code, Object.keys(warnings));
    add(unusedAllow, { message, hint: near ?? 'Take the comment away.', at });
  }
  return sortedByPlace([...found.values()]);
}
