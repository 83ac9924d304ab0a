/** Options of other programs, mostly of ansible-playbook, and the text to write instead. */
const options: Readonly<Record<string, string>> = {
  '-k': 'Use --ask-pass.',
  '-K': 'Use --ask-become-pass.',
  '-J': 'Use --ask-secrets-pass.',
  '--ask-vault-pass': 'Use --ask-secrets-pass.',
  '--ask-vault-password': 'Use --ask-secrets-pass.',
  '--vault-password-file': 'Set the variable RECONCILE_VAULT_PASSWORD_FILE, or use --ask-secrets-pass.',
  '--vault-id': 'Set the variable RECONCILE_VAULT_PASSWORD_FILE, or use --ask-secrets-pass.',
  '-f': 'Use --parallel.',
  '--forks': 'Use --parallel.',
  '-C': 'Use --check.',
  '-D': 'Use --diff.',
  '-n': 'Use --check.',
  '--dry-run': 'Use --check.',
  '--extra-vars': 'Use -e NAME=VALUE.',
  '--step': 'Use --confirm, which shows the whole plan and asks once.',
  '--syntax-check': 'Write:\n    reconcile validate PLAYBOOK',
  '--list-tasks': 'Write:\n    reconcile graph PLAYBOOK',
  '--list-tags': 'Write:\n    reconcile graph PLAYBOOK',
  '--list-hosts': 'Write:\n    reconcile inventory',
  '--start-at-task':
    'Leave it out: an apply does not repeat finished work. Use --tags for a part of the resources.',
  '-u': 'Write user: at the host in the inventory, or hosts as -i USER@HOST,',
  '--user': 'Write user: at the host in the inventory, or hosts as -i USER@HOST,',
  '--private-key': 'Write identity_file: at the host, or under defaults:, in the inventory.',
  '--key-file': 'Write identity_file: at the host, or under defaults:, in the inventory.',
  '-b': 'Write become: true in the play.',
  '--become': 'Write become: true in the play.',
  '--become-user': 'Write become: { user: NAME } in the play.',
  '--become-method': 'Write become: { method: NAME } in the play.',
  '-c': 'Write transport: at the host in the inventory.',
  '--connection': 'Write transport: at the host in the inventory.',
  '--ssh-common-args': 'Write the settings into ~/.ssh/config.',
  '--ssh-extra-args': 'Write the settings into ~/.ssh/config.',
  '--force-handlers': 'Leave it out: the host keeps a note of each restart that it owes.',
  '--flush-cache': 'Leave it out: facts are read in each run.',
  'apply -o': 'To save a plan, write:\n    reconcile plan PLAYBOOK -o plan.json',
  'apply --output': 'To save a plan, write:\n    reconcile plan PLAYBOOK -o plan.json',
  'plan --check': 'Leave it out: a plan changes nothing.',
};

/** Names of commands that other programs have, and the command to type instead. */
const commands: Readonly<Record<string, string>> = {
  help: 'reconcile --help',
  version: 'reconcile --version',
  lint: 'reconcile validate PLAYBOOK',
  check: 'reconcile apply PLAYBOOK --check',
  diff: 'reconcile apply PLAYBOOK --check',
  'dry-run': 'reconcile apply PLAYBOOK --check',
  run: 'reconcile apply PLAYBOOK',
  deploy: 'reconcile apply PLAYBOOK',
  playbook: 'reconcile apply PLAYBOOK',
  'ansible-playbook': 'reconcile apply PLAYBOOK',
  vault: 'reconcile secrets --help',
  ping: 'reconcile facts',
  setup: 'reconcile facts',
  hosts: 'reconcile inventory',
  doc: 'reconcile modules',
  man: 'reconcile docs',
  unlock: 'reconcile lock release HOST',
};

/** Returns the hint for an unknown option of a command with the options `own`: the option or the key that does the same. */
export function insteadOfOption(
  option: string,
  words: readonly string[],
  own: readonly string[],
): string | undefined {
  const [command, operand] = words.filter(word => !word.startsWith('-'));
  const name = option.split('=')[0]!;
  const key = [`${command} ${name}`, name].find(each => Object.hasOwn(options, each));
  const hint = key && options[key]!.replace('PLAYBOOK', operand ?? 'PLAYBOOK');
  const [used] = /^Use (-[\w-]+)/.exec(hint ?? '')?.slice(1) ?? [];
  return used === undefined || own.includes(used) ? hint : undefined;
}

/** Returns the hint for an unknown command: the command to type. */
export function insteadOfCommand(name: string, words: readonly string[]): string | undefined {
  const operand = words.slice(words.indexOf(name) + 1).find(word => !word.startsWith('-'));
  const instead =
    name === 'help' && operand !== undefined
      ? `reconcile ${operand} --help`
      : /\.ya?ml$/.test(name)
        ? `reconcile apply ${name}`
        : Object.hasOwn(commands, name)
          ? commands[name]!.replace('PLAYBOOK', operand ?? 'PLAYBOOK')
          : undefined;
  return instead && `Type:\n    ${instead}`;
}
