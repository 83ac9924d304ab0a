import type { ResourceText } from '../playbook/entry-text.ts';
import type { Problem } from '../problem.ts';
import { unlessUnknown } from '../resource.ts';
import {
  unsaltedAdvice,
  unsaltedMark,
  unsaltedMessage,
  unsaltedPassword,
} from '../util/unsalted-password.ts';
import { Secret, Unknown, UnopenedSecret, type Value } from '../value.ts';

/** Whether a value holds a secret, at any depth, opened or not. */
export function holdsSecret(value: Value | undefined): boolean {
  if (value instanceof Secret) return value.labels.length > 0;
  if (value instanceof UnopenedSecret) return true;
  if (typeof value !== 'object' || value === null || value instanceof Unknown) return false;
  return Object.values(value).some(holdsSecret);
}

/** Returns problems of passwords without a salt in arguments that do not take them. */
export function unsaltedPasswords({ module, doc, path }: ResourceText, args: object): Problem[] {
  const holds = (value: Value): boolean =>
    value instanceof Secret
      ? value.reveal().includes(unsaltedMark)
      : typeof value === 'object' &&
        value !== null &&
        !(value instanceof Unknown) &&
        Object.values(value).some(holds);
  const isTaken = (name: string, value: Value) =>
    module.secrets?.unsalted?.includes(name) === true &&
    value instanceof Secret &&
    unsaltedPassword(value.reveal()) !== undefined;
  const wrong = Object.entries(args).filter(
    ([name, value]) => holds(value as Value) && !isTaken(name, value as Value),
  );
  return wrong.map(([name]) => ({
    code: 'invalid-value',
    message: `${name}: ${unsaltedMessage}.`,
    hint: unsaltedAdvice,
    at: doc.place([...path, name]),
  }));
}

/** Returns problems of secrets that other accounts of the host could see; `holders` are the arguments with secrets. */
export function exposedSecrets(
  text: ResourceText,
  holders: readonly string[],
  args: Record<string, unknown>,
): Problem[] {
  const { module, doc, path } = text;
  const { secrets } = module;
  // The result of a template becomes the content.
  const at = (name: string) =>
    doc.place([...path, name === 'content' && args['template'] !== undefined ? 'template' : name]);
  const wrong = holders.filter(name => secrets?.in.includes(name) !== true);
  const plain = 'If it is no secret, say so: {{ … | nonsensitive }}';
  if (wrong.length > 0)
    return wrong.map(name => ({
      code: 'secret-exposed',
      message: `${module.name} takes no secret in ${name}: other accounts of the host could see it.`,
      hint: secrets?.instead === undefined ? plain : `${secrets.instead}\n${plain}`,
      at: at(name),
    }));
  const found = holders.length === 0 ? undefined : unlessUnknown(() => secrets?.exposes?.(args));
  if (found === undefined) return [];
  return [
    { code: 'secret-exposed', message: found.message, hint: `${found.hint}\n${plain}`, at: at(holders[0]!) },
  ];
}
