import type { Diff } from '../engine/module.ts';
import { shellQuote } from '../engine/quote.ts';
import type { Step } from '../engine/step.ts';
import { type Conditional, compact } from '../engine/util/defined.ts';
import * as nft from './_firewall-nft.ts';
import {
  type Arguments,
  families,
  firewallOf,
  type Read,
  rulesText,
  textOf,
  wantedEntries,
} from './_firewall-state.ts';
import * as ufw from './_firewall-ufw.ts';

/**
 * The steps of `firewall`. Each change of the rules in force comes with a write of their file, also of an unchanged one: by
 * its path the engine knows that the change can lock out, and has the host revert it unless a new connection proves it.
 */

const { table, rulesFile, unitFile, unitLink, unitName } = nft;

export function ofNft(args: Arguments, read: Read): Conditional<Step> {
  const isUnitNew = textOf(read.unitText) !== nft.unitText;
  const restored = restoring(read);
  if (!args.enabled) {
    const paths = compact([read.link && unitLink, read.unitText && unitFile, read.file && rulesFile]);
    return [
      ...paths.map(path => ({ do: 'remove', path }) as const),
      {
        do: 'run',
        label: `nft delete table ${table}`,
        command: `systemctl stop ${unitName} 2>/dev/null; systemctl daemon-reload && ${removing}`,
        undo: { after: restored },
        touches: [
          { kind: 'unit', name: unitName, sets: { LoadState: 'not-found', ActiveState: 'inactive' } },
        ],
      },
    ];
  }
  return [
    read.folder === null && { do: 'directory', path: '/etc/nftables.d', mode: '0755' },
    {
      do: 'write',
      path: rulesFile,
      content: nft.render(firewallOf(args)),
      owner: 'root',
      group: 'root',
      mode: '0644',
      validate: 'nft -c -f %s',
    },
    isUnitNew && {
      do: 'write',
      path: unitFile,
      content: nft.unitText,
      owner: 'root',
      group: 'root',
      mode: '0644',
    },
    read.link?.target !== unitFile && { do: 'link', path: unitLink, target: unitFile },
    {
      do: 'run',
      label: `nft -f ${rulesFile}`,
      command: `nft -f ${rulesFile} && ${isUnitNew ? 'systemctl daemon-reload && ' : ''}systemctl start ${unitName}`,
      undo: { after: restored },
      touches: [
        {
          kind: 'unit',
          name: unitName,
          sets: { LoadState: 'loaded', ActiveState: 'active', SubState: 'exited', UnitFileState: 'enabled' },
        },
      ],
    },
  ];
}

const removing = `{ ! nft list tables inet | grep -qx 'table ${table}' || nft delete table ${table}; }`;

/** Brings the table back as it was in force, also where its file was another. The unit only notes that it is loaded. */
function restoring({ found, unit }: Read): string {
  const old = found.stdout.trim();
  const load = `printf '%s\\n' ${shellQuote(`table ${table}\ndelete table ${table}\n${old}`)} | nft -f -`;
  const stop = unit.ActiveState === 'active' ? '' : `systemctl stop ${unitName} 2>/dev/null; `;
  return `${stop}systemctl daemon-reload; ${old === '' ? removing : load}`;
}

export function ofUfw(diff: Diff, args: Arguments, read: Read): Conditional<Step> {
  const conf = textOf(read.conf);
  const [enabled, isEnabled] = [args.enabled ? 'yes' : 'no', ufw.valueIn(conf, 'ENABLED') === 'yes'];
  const isLive = read.found.stdout.includes('-A ufw-before-input -j ufw-user-input');
  const onlyRules =
    isLive && isEnabled && !['incoming', 'outgoing', 'ipv6', 'at_boot'].some(key => diff.has(key));
  const policy = (is: 'allow' | 'deny') => (is === 'allow' ? '"ACCEPT"' : '"DROP"');
  const values = {
    DEFAULT_INPUT_POLICY: policy(args.incoming),
    DEFAULT_OUTPUT_POLICY: policy(args.outgoing),
    ...(families(read).length > 1 && { IPV6: 'yes' }),
  };
  const isOther = ['incoming', 'outgoing', 'ipv6'].some(key => diff.has(key));
  return [
    ...(args.enabled ? families(read) : []).map(
      family =>
        ({
          do: 'write',
          path: ufw.fileOf(family),
          content: ufw.withEntries(rulesText(read, family), wantedEntries(args, read, family), family),
          owner: 'root',
          group: 'root',
          mode: '0640',
        }) as const,
    ),
    args.enabled &&
      isOther && {
        do: 'write',
        path: ufw.defaults,
        content: Object.entries(values).reduce(
          (text, [name, value]) => ufw.withValue(text, name, value),
          textOf(read.defaults),
        ),
      },
    (!args.enabled || !isEnabled) && {
      do: 'write',
      path: ufw.conf,
      content: ufw.withValue(conf, 'ENABLED', enabled),
    },
    args.enabled &&
      read.unit.UnitFileState !== 'enabled' && {
        do: 'run',
        command: ['systemctl', 'enable', 'ufw.service'],
        undo: { after: ['systemctl', 'disable', 'ufw.service'] },
        touches: [{ kind: 'unit', name: 'ufw.service', sets: { UnitFileState: 'enabled' } }],
      },
    {
      do: 'run',
      ...(onlyRules
        ? { label: 'iptables-restore, ip6tables-restore', command: ufw.reloadRules }
        : { label: args.enabled ? 'ufw reload' : 'ufw disable', command: ufw.reloadAll }),
      undo: { after: onlyRules ? `{ ${ufw.reloadRules}; } || ${ufw.reloadAll}` : ufw.reloadAll },
      // ufw writes its files anew, with its own spelling of the same rules.
      touches: [{ kind: 'below', path: '/etc/ufw' }],
    },
  ];
}
