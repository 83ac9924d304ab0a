import { InvalidArgumentError, Option } from 'commander';
import { durationS } from '../util/duration.ts';

/** Returns the option `-i`, which may be repeated. */
export function inventoryOption(): Option {
  return new Option(
    '-i, --inventory <file>',
    'an inventory file, or hosts as "web1,web2"; repeatable; default: inventory.yml beside the playbook or here',
  ).argParser(collect);
}

/** Returns the options that choose the hosts, resources and variables of a playbook. */
export function playbookOptions(): Option[] {
  return [
    inventoryOption(),
    new Option('-l, --limit <pattern>', 'only these hosts, e.g. "web:!web1"'),
    new Option('-t, --tags <names>', 'only resources with one of these tags, separated by commas').argParser(
      list,
    ),
    new Option('--skip-tags <names>', 'without resources that have one of these tags').argParser(list),
    new Option(
      '-e, --var <name=value>',
      'a variable, or @FILE of variables; repeatable; the strongest source',
    ).argParser(collect),
    secretsOption(),
  ];
}

/** Returns the option of every command that reads secrets, including those of an inventory. */
export function secretsOption(): Option {
  return new Option('--ask-secrets-pass', 'ask for the passphrase of encrypted secrets, or of Ansible Vault');
}

/** Returns the options of every command that logs in. */
export function loginOptions(): Option[] {
  return [
    new Option('--ask-pass', 'ask once for the password of the login'),
    new Option('--ask-become-pass', 'ask once for the password of sudo or su'),
  ];
}

/** The options of `playbookOptions`, as commander parses them. */
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

/** Parses a whole number from 1. */
export function positive(value: string): number {
  if (!/^[1-9][0-9]*$/.test(value)) throw new InvalidArgumentError('It is a whole number from 1.');
  return Number(value);
}

/** Parses a duration as milliseconds, above 0 and at most 24 days, the limit of a timer. */
export function durationMs(value: string): number {
  try {
    const ms = durationS(value) * 1000;
    if (ms > 0) return Math.min(ms, 2 ** 31 - 1);
  } catch {}
  throw new InvalidArgumentError('It is a duration such as 30s, 5m or 1h.');
}
