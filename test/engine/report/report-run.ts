import type { HostResult } from '../../../engine/events.ts';
import { textOf } from '../../../engine/module-kit/state-text.ts';
import type { Problem } from '../../../engine/problem.ts';
import { create, outcome, result, Sample, update } from './sample.ts';

/** An apply to six hosts within 40 seconds: three alike, one as declared, one that fails and one that is unreachable. */
export function reportRun(): Sample {
  const sample = new Sample();
  const play = 'Flask on Gunicorn';
  const hosts = ['web1', 'web2', 'web3', 'web4', 'web5', 'web6'];
  const at = (seconds: number) => {
    sample.time = new Date(Date.UTC(2026, 0, 1) + seconds * 1000).toISOString();
  };
  sample.emit({ event: 'run_started', playbook: 'playbooks/flask.yml', play, check: false, hosts });
  const results: Record<string, HostResult> = {};
  const end = (host: string, counted: HostResult, problems: readonly Problem[] = []) => {
    results[host] = counted;
    sample.emit({ event: 'host_finished', host, result: counted, problems });
  };
  const settled = Array.from({ length: 12 }, (_, i) =>
    outcome(`file /etc/settled/${i}`, 'file', 'unchanged'),
  );
  for (const [i, host] of hosts.slice(0, 5).entries()) {
    at(1 + i);
    sample.emit({ event: 'host_connected', host, play, account: 'root' });
    for (const each of settled) sample.emit({ event: 'resource', host, play, ...each });
    if (i === 3) {
      end(host, result('ok', { unchanged: 12 }));
      continue;
    }
    at(15 + 2 * i);
    const packages = {
      diff: update({ installed: [] }, { installed: ['nginx', 'curl'] }),
      durationMs: 13_000,
    };
    sample.emit({ event: 'resource', host, play, ...outcome('System packages', 'apt', 'changed', packages) });
    at(25 + 2 * i);
    const content = textOf('server {\n  listen 80;\n}\n');
    const site = { diff: create({ content, enabled: true }), durationMs: 9000 };
    if (i !== 4) {
      sample.emit({ event: 'resource', host, play, ...outcome('Site', 'nginx_site', 'changed', site) });
      end(host, result('changed', { changed: 2, unchanged: 12 }));
      continue;
    }
    const error = {
      code: 'validation-failed',
      message: 'nginx -t exited 1; the old files are back.',
      cause: 'nginx: [emerg] unexpected end of file in /etc/nginx/sites-enabled/site:2',
      hint: 'Look at the file with:\n    cat templates/site.j2',
    } as const;
    const commands = [
      { command: 'nginx -t', output: `nginx: configuration file ${'x'.repeat(200)} failed\n` },
    ];
    const failed = outcome('Site', 'nginx_site', 'failed', { ...site, error, commands });
    sample.emit({ event: 'resource', host, play, ...failed });
    const rest = outcome('App service', 'service', 'skipped', { skipped: 'Site' });
    sample.emit({ event: 'resource', host, play, ...rest });
    end(host, result('failed', { changed: 1, unchanged: 12, failed: 1, skipped: 1 }), [error]);
  }
  at(10);
  end('web6', result('unreachable'), [
    { code: 'unreachable', message: 'No answer from 203.0.113.16:22 in 10 s.', host: 'web6' },
  ]);
  at(40);
  sample.emit({ event: 'run_finished', hosts: results, exit_code: 1, check: false, durationMs: 40_000 });
  return sample;
}
