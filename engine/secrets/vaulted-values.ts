import { type Place, type Problem, ProblemError, withoutText } from '../problem.ts';
import { Secret, UnopenedSecret } from '../value.ts';
import { openVault, vaultProblem } from './vault.ts';

/** Opens what Ansible Vault encrypted in inventories, each text once: that takes some 10 ms. */
export class Vault {
  readonly #password: string | undefined;
  readonly #missing: ((from: string, problem: Problem) => void) | undefined;
  readonly #opened = new Map<string, string>();
  #told = false;

  /** `missing` is told once when something cannot be opened, which is then no problem: it is Locked. */
  constructor(password: string | undefined, missing?: (from: string, problem: Problem) => void) {
    this.#password = password;
    this.#missing = missing;
  }

  /** A text of `file` in clear. Throws a ProblemError `secrets-locked`. */
  open(sealed: string, file: string): string {
    const known = this.#opened.get(sealed);
    if (known !== undefined) return known;
    const clear = this.#password === undefined ? undefined : openVault(sealed, this.#password);
    if (clear === undefined) throw new ProblemError(vaultProblem(file, this.#password));
    this.#opened.set(sealed, clear);
    return clear;
  }

  /** The secret in a value that is tagged `!vault`. Throws a ProblemError where nobody is told of what is missing. */
  secret(sealed: string, label: string, at: Place): Secret | UnopenedSecret {
    try {
      return new Secret(this.open(sealed, at.file), label);
    } catch (thrown) {
      if (!(thrown instanceof ProblemError)) throw thrown;
      const problem = { ...thrown.problems[0]!, at: withoutText(at) };
      if (this.#missing === undefined) throw new ProblemError(problem);
      const from = 'the password of Ansible Vault';
      if (!this.#told) this.#missing(from, problem);
      this.#told = true;
      return new UnopenedSecret(from, problem);
    }
  }
}
