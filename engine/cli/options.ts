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

/** The options of commands that only connect to hosts. */
export function hostOptions(): Option[] {
  return [inventoryOption(), secretsOption(), ...loginOptions(), parallelOption()];
}

export function checkOption(): Option {
  return new Option('--check', 'show the changes and change nothing; exit with 2 if there are any');
}

export function jsonOption(description: string): Option {
  return new Option('--json', description);
}

function parallelOption(): Option {
  return new Option('-p, --parallel <n>', 'maximum of hosts at the same time')
    .argParser(positive)
    .default(50);
}

export function applyOptions(): Option[] {
  return [
    new Option('--diff', 'show the changed lines of files; default: on a terminal and in a check'),
    new Option('--no-diff', 'hide the changed lines of files'),
    ...playbookOptions(),
    ...loginOptions(),
    parallelOption(),
    jsonOption('only JSON on stdout, one event for each line'),
    new Option('--report <file.html>', 'also write the result as one HTML file'),
    new Option('--junit <file.xml>', 'also write the result as JUnit XML'),
    new Option('--confirm', 'show the plan, ask once, then apply'),
    new Option('--timeout <duration>', 'time limit for each host, e.g. 30m').argParser(durationMs),
    new Option('-v, --verbose', 'show the commands that ran; -vv: also their output')
      .argParser((_, before: number) => before + 1)
      .default(0, 'off'),
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
