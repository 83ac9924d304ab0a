import type { HostResult, Outcome } from '../../../engine/events.ts';
import { textOf } from '../../../engine/module-kit/state-text.ts';
import { create, outcome, remove, result, Sample, update } from './sample.ts';

const packages = ['curl', 'git', 'vim', 'htop', 'jq', 'rsync', 'tmux', 'unzip', 'zsh', 'nginx'];
const causes = ['System packages', 'App account', 'App folder', 'App virtual environment'];
const settled = Array.from({ length: 25 }, (_, i) => outcome(`file /etc/settled/${i}`, 'file', 'unchanged'));

/** The resources of a web host, alike on all hosts but for one file with the name of the host. */
function webPlan(host: string): Outcome[] {
  return [
    outcome(`apt ${packages.join(', ')}`, 'apt', 'would_change', {
      diff: update({ packages: ['curl'] }, { packages }),
    }),
    outcome('App environment', 'file', 'would_change', {
      diff: update(
        { mode: '0644', content: textOf('A=1\nHOST=old\n') },
        { mode: '0600', content: textOf(`A=1\nHOST=${host}\n`) },
      ),
    }),
    outcome('App virtual environment', 'python_venv', 'would_change', {
      diff: create({ packages: ['flask==3.0.3', 'gunicorn==22.0.0'] }),
      predictedFrom: causes.slice(0, 3),
    }),
    outcome('Migrations', 'command', 'would_change', {
      diff: create({ run: 'venv/bin/flask db upgrade' }),
      runs: true,
      predictedFrom: causes,
    }),
    outcome('command venv/bin/flask compile', 'command', 'would_change', {
      diff: { ...create({ run: 'venv/bin/flask compile' }), kind: 'write' },
      runs: true,
      open: true,
      predictedFrom: causes,
    }),
    outcome('App unit', 'systemd_unit', 'would_change', {
      diff: create({ content: textOf('[Service]\nUser=app\n'), enabled: true }),
      predictedFrom: causes,
    }),
    outcome('file /etc/nginx/sites-enabled/old.conf', 'file', 'would_change', {
      diff: remove({ mode: '0644' }),
    }),
    outcome('service nginx', 'service', 'would_change', {
      diff: update({ reload: 'because Site changed' }, { reload: 'no' }),
    }),
    outcome('App service', 'service', 'would_change', {
      diff: update(
        { enabled: false, restart: 'because App environment, App unit changed' },
        { enabled: true, restart: 'no' },
      ),
      predictedFrom: causes,
    }),
    ...settled,
    outcome('On the first apply', 'command', 'unchanged', { runs: true }),
  ];
}

/** A check of a fleet: some hosts lack a setting, one is as declared, and one in a hundred is unreachable. */
export function fleetCheck(count: number): Sample {
  const sample = new Sample();
  const names = Array.from({ length: count }, (_, i) => `web${i + 1}`);
  const play = 'Flask on Gunicorn';
  sample.emit({ event: 'run_started', playbook: 'playbooks/flask.yml', play, check: true, hosts: names });
  const hosts: Record<string, HostResult> = {};
  for (const [i, host] of names.entries()) {
    const unchanged = settled.length + 1;
    hosts[host] = result('changed', { changed: 9, unchanged });
    let resources = webPlan(host);
    if (i % 100 === 30) {
      const problems = [{ code: 'unreachable', message: 'No answer from port 22 in 10 s.', host } as const];
      hosts[host] = result('unreachable');
      sample.emit({ event: 'host_finished', host, result: hosts[host], problems });
      continue;
    }
    if (i % 10 === 1) {
      const wrong = update({ value: '60' }, { value: '10' });
      resources = [outcome('sysctl vm.swappiness', 'sysctl', 'would_change', { diff: wrong }), ...resources];
      hosts[host] = result('changed', { changed: 10, unchanged });
    }
    if (i === 20) {
      resources = settled;
      hosts[host] = result('ok', { unchanged: settled.length });
    }
    sample.emit({ event: 'host_plan', host, play, resources });
  }
  const exit_code = count > 30 ? 4 : 2;
  sample.emit({ event: 'run_finished', hosts, exit_code, check: true, durationMs: 4200 });
  return sample;
}
