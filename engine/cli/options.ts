import { InvalidArgumentError, Option } from 'commander';
import { durationS } from '../util/duration.ts';

/** `-i`, which may be given several times. */
export function inventoryOption(): Option {
  return new Option(
    '-i, --inventory <file>',
    'an inventory file, or hosts as "web1,web2"; repeatable; default: inventory.yml beside the playbook or here',
  ).argParser(collect);
}

/** The options that choose and parametrise what a playbook declares. */
export function playbookOptions(): Option[] {
  return [
    inventoryOption(),
    new Option('-l, --limit <pattern>', 'only these hosts, e.g. "web:!web1"'),
    new Option('-t, --tags <names>', 'only resources with one of these tags, by commas').argParser(list),
    new Option('--skip-tags <names>', 'no resources with one of these tags').argParser(list),
    new Option(
      '-e, --var <name=value>',
      'a variable, or @FILE of variables; repeatable; the strongest source',
    ).argParser(collect),
    secretsOption(),
  ];
}

/** The option of every command that reads secrets, also those of an inventory. */
export function secretsOption(): Option {
  return new Option('--ask-secrets-pass', 'ask for the passphrase of encrypted secrets, or of Ansible Vault');
}

/** The options of every command that logs in. */
export function loginOptions(): Option[] {
  return [
    new Option('--ask-pass', 'ask once for the password that the hosts let you in with'),
    new Option('--ask-become-pass', 'ask once for the password that sudo or su wants'),
  ];
}

/** What `playbookOptions` are parsed to. */
export interface PlaybookSettings {
  inventory?: string[];
  limit?: string;
  tags?: string[];
  skipTags?: string[];
  var?: string[];
  askSecretsPass?: boolean;
}

export function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}

function list(value: string, before: string[] = []): string[] {
  return [
    ...before,
    ...value
      .split(',')
      .map(name => name.trim())
      .filter(name => name !== ''),
  ];
}

/** A whole number from 1. */
export function positive(value: string): number {
  if (!/^[1-9][0-9]*$/.test(value)) throw new InvalidArgumentError('It is a whole number from 1.');
  return Number(value);
}

/** A duration in milliseconds, more than none and no more than a timer can take, which is 24 days. */
export function durationMs(value: string): number {
  try {
    const ms = durationS(value) * 1000;
    if (ms > 0) return Math.min(ms, 2 ** 31 - 1);
  } catch {}
  throw new InvalidArgumentError('It is a duration such as 30s, 5m or 1h.');
}
