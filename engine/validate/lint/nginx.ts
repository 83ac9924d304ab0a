import type { Rule } from './rule.ts';
import { argument, type ResourceSubject } from './subject.ts';
import { hole, matchesIn } from './texts.ts';

/** An alias directly in a location. Regular expressions (~) and exact names (=) have rules of their own. */
const aliases = /(?<=\blocation\s+(?:\^~\s+)?([^\s{=~][^\s{]*)\s*\{(?:[^{}]*[\s;])?)alias\s+([^\s;]+)\s*;/g;

const isNginx = (resource: ResourceSubject) =>
  resource.module === 'nginx_site' ||
  (resource.module === 'file' && String(argument(resource, 'path')).startsWith('/etc/nginx/'));

export const aliasSlash: Rule = {
  code: 'alias-slash',
  explanation:
    'Nginx puts what follows the location behind the `alias` as it is. When only one of them ends with a slash, it looks for other files (`/static/` with `alias /srv/static` asks for `/srv/staticstyle.css`), or serves files from outside the folder. End both with a slash, or neither.',
  *each(resource) {
    if (!isNginx(resource)) return;
    for (const text of resource.texts) {
      for (const { match, at } of matchesIn(text, aliases)) {
        const [, location, alias] = match.map(part => part?.replace(/^"(.*)"$/, '$1')) as [
          string,
          string,
          string,
        ];
        if (location.endsWith(hole) || alias.endsWith(hole)) continue;
        const [has, lacks] = location.endsWith('/') ? ['location', 'alias'] : ['alias', 'location'];
        if (location.endsWith('/') === alias.endsWith('/')) continue;
        const shown = (lacks === 'alias' ? alias : location).replaceAll(hole, '…').replace(/…+/g, '…');
        yield {
          message: `The ${has} ends with a slash, but the ${lacks} does not.`,
          hint: `Write: ${lacks} ${shown}/${lacks === 'alias' ? ';' : ' {'}`,
          at: at(),
          of: resource.text,
        };
      }
    }
  },
};
