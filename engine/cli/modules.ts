import { ProblemError } from '../problem.ts';
import { moduleList, moduleText } from '../report/module-reference.ts';
import { moduleOfAnsible } from '../schema/ansible-words.ts';
import { didYouMean } from '../util/did-you-mean.ts';
import { columnsOfOutput, type Io, isColorful } from './io.ts';

/** Prints the reference of one module, or the list of all modules. */
export async function modules(name: string | undefined, io: Io): Promise<number> {
  const { modules } = await import('../../modules/index.ts');
  const layout = { columns: columnsOfOutput(io.stdout), color: isColorful(io.stdout, io.env) };
  if (name === undefined) {
    io.stdout.write(moduleList(Object.values(modules), layout));
    return 0;
  }
  const module = Object.hasOwn(modules, name) ? modules[name] : undefined;
  if (module === undefined) {
    const hint =
      moduleOfAnsible(name) ??
      didYouMean(name, Object.keys(modules)) ??
      '`reconcile modules` lists all of them.';
    throw new ProblemError({ code: 'usage', message: `There is no module "${name}".`, hint });
  }
  io.stdout.write(moduleText(module, layout));
  return 0;
}
