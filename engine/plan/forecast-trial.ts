import { Forecast } from './forecast.ts';

/** The forecasts of a plan that may be made again. They enter `known` only with `keep`. */
export class Trial {
  readonly #known: Map<string, Forecast>;
  readonly #tried = new Map<string, Forecast>();

  constructor(known: Map<string, Forecast>) {
    this.#known = known;
  }

  of(host: string): Forecast {
    const forecast = this.#tried.get(host) ?? this.#known.get(host)?.copy() ?? new Forecast();
    this.#tried.set(host, forecast);
    return forecast;
  }

  keep(): void {
    for (const [host, forecast] of this.#tried) this.#known.set(host, forecast);
  }
}
