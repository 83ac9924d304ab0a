import type { Module } from '../../engine/module.ts';
import { drawArguments, withDefaults } from './arguments.ts';
import type { Case, CaseResource, Layer } from './case.ts';
import { Draw } from './draw.ts';
import { Random } from './random.ts';
import { drawStart } from './start.ts';
import { type Theme, themes, themeWeights } from './themes.ts';

/**
 * The case of a run: a playbook of two to six resources in one or two plays, and a start state. Any module can occur:
 * every second playbook is about one of them, each as often as the next, whatever the themes say.
 */
export function generateCase(modules: Readonly<Record<string, Module>>, seed: string): Case {
  const random = new Random(seed);
  const { theme, weights } = drawTheme(modules, random);
  const layer = random.weighted(theme.layers as Record<Layer, number>);
  const draw = new Draw(random, theme, layer);
  const start = drawStart(draw);
  const plays: CaseResource[][] = random.chance(0.2) ? [[], []] : [[]];
  for (const [at, play] of plays.entries()) {
    draw.earlier = play;
    if (at === 0 && random.chance(0.9)) {
      play.push(...prerequisites(theme, layer));
      for (const each of play) draw.made.byResource(each);
    }
    const count = plays.length === 1 ? random.whole(2, 6) : random.whole(1, 3);
    for (let i = 0; i < count; i += 1) {
      const resource = drawOther(modules, weights, draw, `r${plays.flat().length + 1}`);
      draw.made.byResource(resource);
      play.push(resource);
    }
    if (at === 1 && random.chance(0.15)) play.push(onceMore(plays[0]![0]!, `r${plays.flat().length + 1}`));
  }
  return { layer, start, plays };
}

/** The same declared again by another play, as two playbooks of a team often do. */
function onceMore(resource: CaseResource, name: string): CaseResource {
  const { loop } = resource.keys;
  return { ...resource, name, keys: loop === undefined ? {} : { loop } };
}

/** The packages without which everything that a theme is about would be missing on a blank host. */
function prerequisites(theme: Theme, layer: Layer): CaseResource[] {
  if (layer !== 'blank' || theme.needs === undefined) return [];
  return [
    { name: 'r1', module: 'apt', args: { packages: [theme.needs].flat(), recommends: false }, keys: {} },
  ];
}

function drawTheme(
  modules: Readonly<Record<string, Module>>,
  random: Random,
): { theme: Theme; weights: Record<string, number> } {
  const names = Object.keys(modules);
  const focus = random.chance(0.5) ? random.pick(names) : undefined;
  const fitting = Object.entries(themes).filter(([, { modules: of }]) => focus === undefined || focus in of);
  const candidates = Object.fromEntries(
    (fitting.length === 0 ? [['anything'] as const] : fitting).map(([name]) => [
      name,
      themeWeights[name as keyof typeof themeWeights],
    ]),
  );
  const theme = themes[random.weighted(candidates) as keyof typeof themes];
  const own = Object.fromEntries(Object.entries(theme.modules).filter(([name]) => names.includes(name)));
  const all = Object.fromEntries(names.map(name => [name, 1]));
  const base = Object.keys(own).length === 0 ? all : own;
  const total = Object.values(base).reduce((sum, weight) => sum + weight, 0);
  return { theme, weights: focus === undefined ? base : { ...base, [focus]: total / 2 } };
}

/** A resource that manages another thing than those before it in the play, as nearly every playbook does. */
function drawOther(...parameters: Parameters<typeof drawResource>): CaseResource {
  const [modules, , draw] = parameters;
  const { random } = draw;
  const identity = ({ module, args }: CaseResource) =>
    `${module} ${modules[module]!.identity(withDefaults(modules[module]!, args))}`;
  for (let attempt = 0; ; attempt += 1) {
    const resource = drawResource(...parameters);
    const again = draw.earlier.some(each => identity(each) === identity(resource));
    const served = draw.made.serves(resource.module) || random.chance(0.05);
    const clashes = draw.made.clashes(resource) && random.chance(0.95);
    const takesAway = draw.made.takesAway(resource) || draw.made.changesGuarded(resource);
    if (takesAway && attempt < 40) continue;
    if ((!again && !clashes && served) || attempt >= 12) return resource;
  }
}

function drawResource(
  modules: Readonly<Record<string, Module>>,
  weights: Readonly<Record<string, number>>,
  draw: Draw,
  name: string,
): CaseResource {
  const { random } = draw;
  const module = random.weighted(weights);
  const args = drawArguments(modules[module]!, draw);
  const keys: Record<string, unknown> = {};
  const repeated = ['path', 'name'].find(key => typeof args[key] === 'string');
  const values = repeated === undefined ? undefined : draw.pool(module, repeated);
  if (repeated !== undefined && values !== undefined && values.length > 1 && random.chance(0.07)) {
    keys['loop'] = random.some(values, 2);
    args[repeated] = '{{ item }}';
  } else if (random.chance(0.12)) keys['register'] = `v${name.slice(1)}`;
  const known = draw.earlier.flatMap(({ keys: { register } }) => (register === undefined ? [] : [register]));
  if (random.chance(known.length > 0 ? 0.4 : 0.06)) keys['when'] = drawCondition(random, known as string[]);
  if (random.chance(0.03)) keys['on_failure'] = 'continue';
  // Only the user of a command knows what it may do without root: those in /var/tmp need no rights.
  if (module !== 'command' ? random.chance(0.005) : isForAll(args) && random.chance(0.2))
    keys['become'] = false;
  // A text is asked for, and this is none.
  if (known.length > 0 && module === 'file' && 'content' in args && random.chance(0.1))
    args['content'] = `{{ ${random.pick(known)}.changed }}`;
  return { name, module, args, keys };
}

const isForAll = ({ run }: CaseResource['args']): boolean => String(run).startsWith('touch /var/tmp/');

function drawCondition(random: Random, registered: readonly string[]): string {
  const facts = ["facts.os.codename == 'bookworm'", 'facts.cpus > 0', 'false'];
  if (registered.length === 0) return random.pick(facts);
  const name = random.pick(registered);
  // A resource that runs if another one did nothing would rightly run in the second apply.
  return random.pick([`${name}.changed`, `${name}.changed`, `not ${name}.failed`]);
}
