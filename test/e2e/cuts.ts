/** How an apply is cut off: its controller killed, its connection, the shell on the host, or the host's power. */
export type Means = 'controller' | 'connection' | 'shell' | 'power';

/** Where an apply is cut off. */
export interface Cut {
  /** The resource that comes or runs next. */
  resource: string;
  /** How far that one has come, as a part of the time that it takes when nothing is cut; 0 = it has not begun. */
  into: number;
  means: Means;
}

const means: readonly Means[] = ['controller', 'connection', 'shell', 'power'];
const inside = [0.3, 0.6];
/** Resources that take long, or do several things one after the other. */
const longInside: Readonly<Record<string, readonly number[]>> = {
  'System packages': [0.1, 0.3, 0.5, 0.7, 0.8, 0.9],
  'Python packages': [0.1, 0.3, 0.5, 0.7, 0.9],
  'App service': [0.1, 0.3, 0.6, 0.9],
  Certificate: [0.1, 0.3, 0.5, 0.7, 0.9],
  Site: [0.2, 0.4, 0.6, 0.8],
};

/** The boundary before each resource, and places inside of it; the means take turns at both. */
export function everyCut(resources: readonly string[]): Cut[] {
  const places = resources.flatMap(resource =>
    [0, ...(longInside[resource] ?? inside)].map(into => ({ resource, into })),
  );
  return places.map((place, i) => ({ ...place, means: means[(i + Math.floor(i / 12)) % means.length]! }));
}
