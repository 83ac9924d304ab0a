import { type Place, type Problem, ProblemError, withoutText } from '../problem.ts';
import { Secret, UnopenedSecret } from '../value.ts';
import { openVault, vaultProblem } from './vault.ts';

/** Opens the texts of Ansible Vault in inventories, each once, because each takes some 10 ms. */
export class Vault {
  readonly #password: string | undefined;
  readonly #missing: ((from: string, problem: Problem) => void) | undefined;
  readonly #opened = new Map<string, string>();
  #told = false;

  /** With `missing`, a text that cannot be opened is UnopenedSecret instead of a problem. `missing` is called once. */
  constructor(password: string | undefined, missing?: (from: string, problem: Problem) => void) {
    this.#password = password;
    this.#missing = missing;
  }

  /** Returns a text of `file` in clear. Throws a ProblemError `secrets-locked`. */
  open(sealed: string, file: string): string {
    const known = this.#opened.get(sealed);
    if (known !== undefined) return known;
    const clear = this.#password === undefined ? undefined : openVault(sealed, this.#password);
    if (clear === undefined) throw new ProblemError(vaultProblem(file, this.#password));
    this.#opened.set(sealed, clear);
    return clear;
  }

  /** Returns the secret in a value with the tag `!vault`. Throws a ProblemError without `missing`. */
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
