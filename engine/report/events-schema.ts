import { explanations } from '../problem.ts';

type Schema = Readonly<Record<string, unknown>>;

const ref = (name: string): Schema => ({ $ref: `#/definitions/${name}` });
const orNull = (schema: Schema): Schema => ({ anyOf: [schema, { type: 'null' }] });
const listOf = (items: Schema): Schema => ({ type: 'array', items });
const string: Schema = { type: 'string' };
const count: Schema = { type: 'integer', minimum: 0 };
const described = (schema: Schema, description: string): Schema => ({ ...schema, description });

/** Returns the schema of an object with exactly these properties. A name that ends with `?` is optional. */
function object(properties: Readonly<Record<string, Schema>>, description?: string): Schema {
  const required = Object.keys(properties).filter(key => !key.endsWith('?'));
  return {
    type: 'object',
    ...(description === undefined ? {} : { description }),
    properties: Object.fromEntries(
      Object.entries(properties).map(([key, schema]) => [key.replace('?', ''), schema]),
    ),
    required,
    additionalProperties: false,
  };
}

function event(name: string, description: string, properties: Readonly<Record<string, Schema>>): Schema {
  return object(
    {
      event: { const: name },
      time: described({ type: 'string' }, 'ISO 8601, UTC.'),
      run: described(string, 'The same for all events of a run.'),
      ...properties,
    },
    description,
  );
}

const onHost = { host: string, play: string };

const resource = {
  name: string,
  module: string,
  'delegated_to?': described(string, 'The host that the resource is done on, if it is another one.'),
  status: { enum: ['unchanged', 'changed', 'failed', 'skipped', 'unknown', 'would_change'] },
  diff: described(orNull(ref('diff')), 'The diff; null = none.'),
  predicted_from: described(
    listOf(string),
    'Resources that the diff was predicted from; empty if it was read.',
  ),
  'open?': described({ const: true }, 'It is unknown before the apply whether the resource needs a change.'),
  'runs?': described({ const: true }, 'Its change runs something, as a command does.'),
  'idle?': described(string, 'Why a command is not needed.'),
  'doubt?': described(string, 'A possible obstacle to a planned change.'),
  'warning?': described(string, 'Something to know before a planned change.'),
  deviation: described(
    orNull(object({ planned: orNull(ref('diff')), 'suspect?': string })),
    'Not null if the diff at the turn of the resource differed from the planned one, `planned`; `suspect` is the last resource before it whose command does not declare its effects.',
  ),
  duration_ms: count,
  error: orNull(ref('problem')),
  'skipped?': described(
    string,
    '`when`, `run_once` if another host does it, or the reason why it was not reached.',
  ),
  'unknown?': described(string, 'Why the host cannot have the thing, such as swap in a container.'),
  'commands?': described(
    listOf(object({ command: string, output: string })),
    'With -v: the commands that ran.',
  ),
};

const counts = {
  unchanged: count,
  changed: count,
  failed: count,
  skipped: count,
  deviations: count,
  'unknown?': described(count, 'Left out if there are none.'),
  'unconfirmed?': count,
};

const batch = { play: string, batch: count, of: count, hosts: listOf(string) };

/** The JSON Schema (draft-07) of one line of `--json`. */
export const eventsSchema: Schema = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  $comment: 'version 1',
  title: 'One event of reconcile apply --json',
  oneOf: [
    event('run_started', 'A play begins.', {
      playbook: string,
      play: string,
      check: described({ type: 'boolean' }, 'Whether the run only shows changes.'),
      hosts: listOf(string),
      'batches?': described(listOf(listOf(string)), 'The hosts by batch, if the play has a roll-out.'),
    }),
    event('batch_started', 'A batch of a roll-out begins.', batch),
    event('batch_finished', 'A batch of a roll-out is over.', {
      ...batch,
      failed: described(listOf(string), 'Hosts of the batch that failed, were reverted or are unreachable.'),
    }),
    event('batch_pause', 'A pause before a batch.', { ...batch, seconds: { type: 'number' } }),
    event('run_stopped', 'The run ends before its last host or play.', {
      play: string,
      why: string,
      hosts: described(listOf(string), 'Hosts of the play that were not reached.'),
      plays: described(listOf(string), 'Plays that are not run.'),
    }),
    event('host_connected', 'The login to a host succeeded.', { ...onHost, account: string }),
    event('host_waits', 'The last step of a dead run goes on. The engine waits for its end.', {
      ...onHost,
      lease: ref('lease'),
    }),
    event('host_plan', 'The plan of a host.', {
      ...onHost,
      resources: listOf(ref('resource')),
      'skew_s?': described(
        { type: 'integer' },
        'Seconds by which its clock is ahead, if they are a minute or more.',
      ),
      'lease?': described(ref('lease'), 'The lease of another run that is applying to the host.'),
    }),
    event('resource', 'The outcome of a resource, or in a check its planned outcome.', {
      ...onHost,
      ...resource,
    }),
    event('host_reconnected', 'A lost connection was restored.', { ...onHost, why: string }),
    event('host_reverted', 'After a failure, the changes of a play were reverted.', {
      ...onHost,
      restored: described(listOf(string), 'Resources whose earlier state was restored.'),
      kept: described(listOf(string), 'Resources whose change is irreversible.'),
    }),
    event('host_finished', 'A play is over on a host.', {
      host: string,
      result: ref('result'),
      problems: listOf(ref('problem')),
    }),
    event('run_finished', 'The last event.', {
      hosts: { type: 'object', additionalProperties: ref('result') },
      exit_code: { enum: [0, 1, 2, 3, 4, 130] },
      check: { type: 'boolean' },
      duration_ms: count,
    }),
  ],
  definitions: {
    resource: object(resource),
    lease: object(
      { holder: string, 'since?': string, 'expires?': string },
      'Times in ISO 8601, UTC; a damaged lease has none.',
    ),
    diff: object({
      kind: described(
        { enum: ['create', 'update', 'remove', 'write'] },
        '`write`, only in a plan: created or replaced; the state before it is unknown.',
      ),
      changes: listOf(ref('change')),
    }),
    change: object(
      {
        key: string,
        'before?': ref('value'),
        'after?': ref('value'),
        'notes?': described(
          { type: 'object', additionalProperties: string },
          'Texts behind elements of `after`, such as the version of a package. An apply is not compared with them.',
        ),
        'text?': object(
          {
            summary: string,
            lines: described(listOf(string), 'Each begins with `+`, `-`, a space, `@` or `\\`.'),
          },
          'Replaces `before` and `after` for the content of files.',
        ),
      },
      'One differing key. A missing side does not exist.',
    ),
    value: { type: ['string', 'number', 'boolean', 'null', 'array'], items: string },
    result: object({
      status: { enum: ['ok', 'changed', 'failed', 'reverted', 'unreachable', 'not_reached'] },
      ...counts,
    }),
    place: object({ file: string, line: count, column: count, 'length?': count, 'text?': string }),
    problem: object({
      code: { enum: Object.keys(explanations) },
      message: string,
      'hint?': string,
      'at?': ref('place'),
      'via?': described(listOf(ref('place')), 'The includes that led to the place, innermost first.'),
      'host?': string,
      'resource?': string,
      'cause?': string,
    }),
  },
};
