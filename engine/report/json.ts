import type { Output, Reporter } from './reporter.ts';
import type { EventView, ResourceView } from './view.ts';
import { visibleJson } from './visible.ts';

/** Prints one JSON object on each line, as in schemas/events.schema.json, with the commands only on request. */
export function jsonReporter(output: Output, options: { commands: boolean }): Reporter {
  return {
    report(event) {
      if (event.event === 'resource_started') return;
      output.write(visibleJson(options.commands ? event : withoutCommands(event)) + '\n');
    },
    showPlan() {},
    hold() {},
    notice() {},
    close() {},
  };
}

function withoutCommands(event: EventView): unknown {
  if (event.event === 'host_plan') return { ...event, resources: event.resources.map(strip) };
  return event.event === 'resource' ? strip(event) : event;
}

function strip<R extends ResourceView>({ commands: _, ...rest }: R): Omit<R, 'commands'> {
  return rest;
}
