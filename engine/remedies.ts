import type { ProblemCode } from './problem.ts';

/** The usual causes of each problem code, and the next step, for `reconcile explain CODE` and docs/errors.md. */
export const remedies: Readonly<Record<ProblemCode, string>> = {
  bug: 'Run the command again with RECONCILE_DEBUG=1 and add its output to the report.',
  'yaml-syntax':
    'Usual causes are a tab, a value with `: ` or ` #` without quotes, and lines of one map that do not begin in the same column. Quote the value, or align the lines.',
  'file-missing':
    'Usual causes are a typing error and a path from another folder: a playbook names files relative to its own folder, the command line relative to the working directory.',
  'file-too-large':
    'Usual causes are a device or a log file by a wrong name. A large file that goes to hosts belongs in `src`, not in `template`.',
  'source-changed':
    'Usual causes are a build or a download that still writes the file. Apply again after its end; other programs best write beside the file and rename.',
  'unknown-key':
    'Usual causes are a typing error, a key one level too deep, and a key of Ansible. `reconcile docs keys` lists the keys, `reconcile modules NAME` the arguments of a module.',
  'wrong-type':
    'A mode needs quotes, a list needs brackets or dashes. `reconcile modules NAME` shows the type of each argument.',
  'missing-key':
    '`reconcile modules NAME` marks the required arguments with `*`. Add the one that the message names.',
  'unknown-module': 'Correct the name, or write a `command` if no module manages the thing.',
  'duplicate-name': 'Give each of the two its own `name`.',
  'unknown-resource':
    'Write the name as the plan shows it: the `name` of the resource, or the module and its identity, such as `file /etc/motd`.',
  'unknown-host':
    'Correct the name, add the host to the inventory, or name the right inventory with -i. `reconcile inventory` lists the hosts.',
  'inventory-syntax': 'Correct the line. `reconcile docs inventory` describes the formats.',
  'inventory-program':
    'Run the program by hand with the argument --list: it must exit with 0 and print a JSON object. The output is below the message.',
  'undefined-variable':
    'Usual causes are a typing error, a variable of another host or group, and a file that `vars_files` does not name. `reconcile inventory --explain NAME` shows the source of a variable of the inventory.',
  'expression-syntax':
    'Usual causes are a missing quote, bracket or `}}`. `reconcile docs expressions` describes the syntax.',
  'expression-type':
    'Convert the value first, for example with the filter `int` or `string`. `reconcile docs filters` shows what each filter takes.',
  'expression-limit':
    'A loop over a loop, or a text that repeats itself, is the usual cause. Shorten the list or the text.',
  'invalid-value': 'Correct the value as the message says. `reconcile modules NAME` describes each argument.',
  conflict: 'Remove one of the two, or give both the same value.',
  obstacle:
    'Declare the missing thing in an earlier resource, remove the one in the way, or add `become: true` if the login lacks the rights. Then apply again.',
  order: 'The message names both resources and their lines.',
  'variable-cycle': 'Give one of the variables a value that does not refer to the others.',
  'include-cycle': 'Remove one of the `include` entries that the message names.',
  'not-supported': 'The message names the way to write it here, if there is one.',
  'insecure-file': 'Usually a `chmod 600 FILE` suffices; the message names the file and the command.',
  'secret-exposed': 'Move the secret to an argument marked "May hold a secret" in `reconcile modules NAME`.',
  'secrets-locked':
    'Give --ask-secrets-pass for a passphrase. For a missing key, set RECONCILE_AGE_KEY_FILE, or ask somebody who can open the file to add your recipient with `reconcile secrets rotate FILE -r …`.',
  'secrets-damaged':
    'Usual causes are an editor and a merge of two versions. Restore an earlier copy, or accept a change made on purpose with `reconcile secrets edit --merged FILE`.',
  usage: '`reconcile COMMAND --help` shows the options of one command.',
  unreachable:
    'Usual causes are a wrong `address` or `port` in the inventory, a firewall, and a host that is off. Try the ssh command below the message.',
  'facts-unread': 'Solve the problem of the other host, which another message describes, and apply again.',
  'host-key-unknown':
    'Compare the fingerprint with that of `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the host, then record the key with the command below the message.',
  'host-key-changed':
    'Ask whether the host was reinstalled. Compare the fingerprint on its console before you remove the old key with `ssh-keygen -R HOST`.',
  'host-key-revoked': 'Give the host a new key on its console, and record that one.',
  'auth-failed':
    'Usual causes are another account than `user`, another key than `identity_file`, and an agent without the key (`ssh-add -l`). Try the ssh command below the message.',
  'become-failed':
    'Give the password with --ask-become-pass, or allow sudo without one. The message shows the words of sudo, doas or su.',
  locked:
    'Wait for the end of the other run. If it is certainly dead, release its lease with `reconcile lock release HOST`; `reconcile lock status HOST` shows the holder.',
  'state-unwritten':
    'Usual causes are a full file system (`df -h`, `df -i`) and a state directory of another account. Make room, then apply again.',
  'state-damaged':
    'Check the disk of the host. The folder of the journal holds the earlier state of each file that the change was about to replace. Correct the files by hand, remove the folder, then apply again.',
  'lease-lost':
    'Usual causes are a laptop that slept and a network that was away. Check that nobody else applies, then apply again.',
  'connection-lost': 'Apply again. If it happens at the same resource, that change may cut the network.',
  'cut-off':
    'Usual causes are a lack of memory and an administrator who ended the process. Look into `journalctl -k` on the host, then apply again.',
  'host-restarted': 'Apply again once the host is up.',
  'reboot-failed':
    'Look at the console of the host. Apply again once it is up: a host that has restarted meanwhile is not restarted again. Raise `max_wait` for a host that only needs longer.',
  'locked-out':
    'The change itself is wrong: a rule, port or account that keeps you out. Correct it in the playbook; the old state is in place.',
  'put-back': 'Apply again, and keep the connection open until the end.',
  'not-put-back':
    'The message names the changes that are left. Undo them by hand, or correct the playbook and apply again.',
  irreversible:
    'Do the change in a way that the host can undo, such as a file or a command with `undo`, or do it on the console by hand.',
  timeout:
    'Look for a command that waits for input or for the network. Raise `timeout` of the resource, or --timeout, if it only needs longer.',
  'program-missing': 'Add an `apt` resource with the package of the program before this resource.',
  'not-running':
    'Add a `service` resource with `state: running` before this resource. `pg_lsclusters` on the host lists the clusters of PostgreSQL: without one, create it in a `command` with `pg_createcluster`.',
  'unit-missing':
    'Usual causes are a typing error and a missing package. Add the `apt` or `systemd_unit` resource that brings the unit before this one.',
  'read-failed':
    'The output of the failed command is below the message. A missing right needs `become: true`.',
  'step-failed':
    'The output of the command is below the message; -vv shows all commands. Remove the cause, then apply again: finished steps are not repeated.',
  'validation-failed':
    'The output of the check names the wrong line. Correct the content in the playbook and apply again; nothing needs to be undone on the host.',
  'not-as-declared':
    'Usual causes are another program that rewrites the thing, and a `command` whose `creates` or `unless` does not describe its effect. The message shows the difference.',
  'run-once-failed': 'Remove the problem on the host that the message names, and apply again.',
  'at-once-stopped': 'Look at the failure on the host that the message names, solve it, and apply again.',
  'not-back': 'Look at the host, mend what fails there, and bring it back by hand or by another apply.',
  'check-failed':
    'The message shows the expected and the received answer. Look into the log of the service (`journalctl -u UNIT`). With `retry`, a check waits for a slow start.',
  'apt-locked':
    'Unattended upgrades are the usual cause. Apply again in a few minutes; `fuser -v /var/lib/dpkg/lock-frontend` shows the program.',
  'dpkg-broken': 'Run `dpkg --configure -a` and `apt-get -f install` as root on the host, then apply again.',
  'plan-invalid': 'Make it again with `reconcile plan PLAYBOOK -o FILE`.',
  'plan-stale': 'Look at the new changes, and make the plan again with `reconcile plan PLAYBOOK -o FILE`.',
  'plan-other-host': 'Check the address in the inventory. For a reinstalled host, make the plan again.',
  'plan-applied': 'Make a new plan, which shows what is left to do.',
  deviation:
    'Make the plan again and compare. Usual causes are another administrator and a `command` with undeclared effects.',
  'unsafe-path':
    'Give the folders on the path to root, or declare a path that only the acting account can change.',
  'read-only':
    'Remount the file system writable, or change `ProtectSystem=` and `ReadWritePaths=` of the service. An error of the disk also makes a file system read-only: look into `dmesg`.',
  'no-space': 'Free some space (`df -h`, `df -i`, `apt-get clean`), then apply again.',
};
