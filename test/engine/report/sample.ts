import type { Emit, Event, HostResult, Outcome, Status } from '../../../engine/events.ts';
import type { Change, Diff, State } from '../../../engine/module.ts';
import { textOf } from '../../../engine/module-kit/state-text.ts';
import { diff } from '../../../engine/plan/diff.ts';
import { RunRecord } from '../../../engine/report/record.ts';
import { type ResultLayout, resultText } from '../../../engine/report/result-text.ts';
import { type EventView, view } from '../../../engine/report/view.ts';
import { Redactor } from '../../../engine/secrets/redaction.ts';

/** Makes events with a fixed time and number, and their views. */
export class Sample {
  readonly redactor = new Redactor();
  readonly events: Event[] = [];
  time = '2026-01-01T00:00:00.000Z';

  readonly emit: Emit = body => {
    this.events.push({ time: this.time, run: '1', ...body } as Event);
  };

  get views(): EventView[] {
    return this.events.map(event => view(event, this.redactor));
  }
}

/** An outcome of which only what matters is given. */
export function outcome(name: string, module: string, status: Status, rest: Partial<Outcome> = {}): Outcome {
  return { name, module, status, diff: null, predictedFrom: [], durationMs: 10, secrets: [], ...rest };
}

export function create(desired: State): Diff {
  return diff(null, desired)!;
}

export function update(actual: State, desired: State): Diff {
  return diff(actual, desired)!;
}

export function remove(actual: State): Diff {
  return diff(actual, null)!;
}

/** A difference of exactly these changes. */
export function changes(...list: Change[]): Diff {
  return { kind: 'update', changes: list, has: key => list.some(change => change.key === key) };
}

export function result(status: HostResult['status'], counts: Partial<HostResult> = {}): HostResult {
  return { status, unchanged: 0, changed: 0, failed: 0, skipped: 0, deviations: 0, ...counts };
}

const unchanged = Array.from({ length: 17 }, (_, i) => outcome(`Unchanged ${i + 1}`, 'file', 'unchanged'));

/** The resources of a Flask host as a check on a blank host, or after drift, shows them. */
export function flaskPlan(status: 'would_change' | 'changed'): { blank: Outcome[]; drifted: Outcome[] } {
  const site = 'server {\n  listen 80;\n  server_name example.com;\n}\n';
  return {
    blank: [
      outcome('System packages', 'apt', status, {
        diff: update(
          { packages: ['curl'] },
          { packages: ['certbot', 'curl', 'nginx', 'postgresql', 'python3-venv'] },
        ),
      }),
      outcome('pg_role flaskapp', 'pg_role', status, {
        diff: create({ login: true, password: 'as declared', connection_limit: 20 }),
        predictedFrom: ['System packages'],
        secrets: [{ text: 'a secret', label: 'secrets.some' }],
      }),
      outcome('Site', 'nginx_site', status, {
        diff: create({ content: textOf(site), enabled: true }),
        predictedFrom: ['System packages'],
      }),
      outcome('App service', 'service', status, {
        diff: update({ enabled: false, state: 'stopped' }, { enabled: true, state: 'running' }),
        predictedFrom: ['App unit'],
      }),
      ...unchanged,
    ],
    drifted: [
      outcome('System packages', 'apt', 'unchanged'),
      outcome('App environment', 'file', status, {
        diff: update(
          { mode: '0644', content: textOf('A=1\nSECRET_KEY=old-one\nB=2\n') },
          { mode: '0600', content: textOf('A=1\nSECRET_KEY=correct horse\nB=2\n') },
        ),
        secrets: [{ text: 'a secret', label: 'secrets.some' }],
      }),
      outcome('Old site', 'link', status, { diff: remove({ target: '/etc/nginx/sites-available/old' }) }),
      outcome('App service', 'service', status, {
        diff: update({ restart: 'because App environment changed' }, { restart: 'no' }),
        predictedFrom: ['App environment'],
      }),
      ...unchanged,
    ],
  };
}

/** The layout of a pipe. */
export const layout: ResultLayout = {
  columns: Infinity,
  color: false,
  diff: true,
  verbosity: 0,
  aligned: false,
  applyCommand: 'reconcile apply playbooks/flask.yml',
};

/** Ends the run. */
export function finish(
  sample: Sample,
  hosts: Record<string, HostResult>,
  exit_code: number,
  check = true,
): void {
  sample.emit({ event: 'run_finished', hosts, exit_code, check, durationMs: 4200 });
}

/** Returns the result as text. */
export function shown(sample: Sample, options: Partial<ResultLayout> = {}): string {
  const record = new RunRecord();
  for (const view of sample.views) record.add(view);
  return resultText(record, { ...layout, ...options });
}

/** Begins a play, and returns its name. */
export function start(sample: Sample, check: boolean, hosts: string[], play = 'Flask on Gunicorn'): string {
  sample.redactor.add('correct horse', 'secrets.key');
  sample.emit({ event: 'run_started', playbook: 'playbooks/flask.yml', play, check, hosts });
  return play;
}
