import { Ajv } from 'ajv';
import type { Module } from '../../engine/module.ts';
import type { Draw } from './draw.ts';
import { shapes } from './shapes.ts';

type Schema = Readonly<Record<string, unknown>>;
type Args = Record<string, unknown>;

const ajv = new Ajv({ strict: false, allErrors: false, logger: false });
const compiled = new Map<Module, (args: unknown) => boolean>();

/** References to other resources, which only a play can give. */
const references = new Set(['restart_on', 'reload_on', 'run_on']);

/** Never drawn by chance: at every apply it changes something, as is documented. */
const left = new Set(['command.always', 'apt.allow_downgrade']);

/** The fixed arguments of a module: no test contacts a certificate authority outside the lab. */
const forced: Readonly<Record<string, Args>> = {
  certbot: { server: '{{ acme_server }}', ca_bundle: '{{ acme_ca_bundle }}' },
};

/** Arguments that were drawn one by one would not fit together: a command would not do what its condition asks for. */
const onlyShaped = new Set(['command', 'systemd_unit', 'pg_check', 'http_check']);

/** Arguments of a module that its schema and its `refine` accept, or those of one of its examples. */
export function drawArguments(module: Module, draw: Draw): Args {
  const shape = shapes[module.name];
  for (let attempt = 0; attempt < 40; attempt += 1) {
    const shaped = shape !== undefined && (onlyShaped.has(module.name) || draw.random.chance(0.75));
    const args = shaped ? shape(draw) : fromSchema(module, draw);
    if (accepts(module, args))
      return { ...(shaped ? enriched(module, args, draw) : args), ...forced[module.name] };
  }
  return { ...examplesOf(module, draw), ...forced[module.name] };
}

function examplesOf(module: Module, draw: Draw): Args {
  const sound = module.examples.map(({ args }) => args).filter(args => !refersElsewhere(args));
  return structuredClone(sound.length === 0 ? module.examples[0]!.args : draw.random.pick(sound));
}

const refersElsewhere = (args: Args): boolean =>
  ['src', 'template', ...references].some(key => Object.hasOwn(args, key));

function accepts(module: Module, args: Args): boolean {
  let check = compiled.get(module);
  if (check === undefined) compiled.set(module, (check = ajv.compile(module.args)));
  if (!check(args)) return false;
  return (module.refine?.(withDefaults(module, args)) ?? []).length === 0;
}

/** The arguments as a module gets them: with its defaults. */
export function withDefaults(module: Module, args: Args): Args {
  const defaults = Object.entries(module.args.properties).filter(([, schema]) => 'default' in schema);
  return { ...Object.fromEntries(defaults.map(([key, schema]) => [key, schema['default']])), ...args };
}

/** The same, now and then with one argument more. */
function enriched(module: Module, args: Args, draw: Draw): Args {
  if (!draw.random.chance(0.25)) return args;
  const { properties } = module.args;
  const others = Object.keys(properties).filter(key => !(key in args) && !left.has(`${module.name}.${key}`));
  if (others.length === 0) return args;
  const key = draw.random.pick(others);
  const value = drawValue(module, key, properties[key]!, draw);
  const more = { ...args, [key]: value };
  return value !== undefined && accepts(module, more) ? more : args;
}

function fromSchema(module: Module, draw: Draw): Args {
  // Examples are of hosts where what they name is there; where a shape knows better, they are not needed.
  if (shapes[module.name] === undefined && draw.random.chance(0.3)) return examplesOf(module, draw);
  const required = new Set((module.args['required'] ?? []) as readonly string[]);
  const args: Args = {};
  for (const [key, schema] of Object.entries(module.args.properties)) {
    if (left.has(`${module.name}.${key}`)) continue;
    if (!required.has(key) && !draw.random.chance(shapes[module.name] === undefined ? 0.4 : 0.2)) continue;
    const value = drawValue(module, key, schema, draw);
    if (value !== undefined) args[key] = value;
  }
  return args;
}

/** Arguments that name something which has to be there already, mostly drawn from what the case has made. */
const asking: Readonly<Record<string, (draw: Draw, module: string) => unknown>> = {
  path: (draw, module) => draw.path(module),
  owner: draw => draw.account(),
  group: draw => draw.account(),
  'service.name': draw => draw.service(),
  'pg_grant.role': draw => draw.role(),
  'pg_database.owner': draw => draw.role(),
  'pg_role.member_of': draw => [draw.role()],
  'pg_grant.database': draw => draw.database(),
  'pg_extension.database': draw => draw.database(),
  'pg_check.database': draw => draw.database(),
};

/** A value for an argument; undefined when neither a hint, nor the schema, nor an example has one. */
function drawValue(module: Module, key: string, schema: Schema, draw: Draw): unknown {
  const { random } = draw;
  if (references.has(key)) {
    const name = draw.reference();
    return name === undefined ? undefined : [name];
  }
  const asked = asking[`${module.name}.${key}`] ?? asking[key];
  if (asked !== undefined) return asked(draw, module.name);
  const pool = draw.pool(module.name, key);
  if (pool !== undefined) {
    const list = schema['type'] === 'array' && !Array.isArray(pool[0]);
    return structuredClone(list ? random.some(pool, random.whole(1, 2)) : random.pick(pool));
  }
  return bySchema(schema, draw) ?? byExample(module, key, draw);
}

function bySchema(schema: Schema, draw: Draw): unknown {
  const { random } = draw;
  if ('const' in schema) return schema['const'];
  if (Array.isArray(schema['enum'])) return random.pick(schema['enum']);
  if (Array.isArray(schema['anyOf'])) return bySchema(random.pick(schema['anyOf'] as Schema[]), draw);
  const pattern = String(schema['pattern'] ?? '');
  switch ([schema['type']].flat()[0]) {
    case 'boolean':
      return random.chance(0.5);
    case 'integer':
    case 'number':
      return random.whole(Number(schema['minimum'] ?? 0), Math.min(Number(schema['maximum'] ?? 9), 9));
    case 'string':
      if (pattern.startsWith('^(/') || pattern.startsWith('^/')) return draw.path();
      if (pattern.includes('ms|s|m|h')) return random.pick(['1s', '2s']);
      if (pattern.startsWith('^[A-Za-z_]')) return draw.from('file', 'owner');
      return undefined;
    case 'array': {
      const item = bySchema((schema['items'] ?? {}) as Schema, draw);
      return item === undefined ? undefined : [item];
    }
    default:
      return undefined;
  }
}

/** Returns the value of the argument in an example of the module. */
function byExample(module: Module, key: string, draw: Draw): unknown {
  const given = module.examples.flatMap(({ args }) => (key in args ? [args[key]] : []));
  return given.length === 0 ? undefined : structuredClone(draw.random.pick(given));
}
