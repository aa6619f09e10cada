import type { Model } from '../model/model.ts';
import { idOf, readRoute, type Route } from '../traffic/line.ts';

/** Those of the routes that nothing of a model counts requests for any more. Routes of no Ingress stay. */
export function goneRoutes(model: Model, routes: readonly Route[]): Route[] {
  const counted = countedBy(model);
  return routes.filter((route) => route.ingress !== '' && !counted.has(idOf(route)));
}

/** What the lines of the traffic log may name, by `idOf`. */
function countedBy({ servers, splits }: Model): Set<string> {
  const canaries = new Map(
    splits.map(({ name, alternatives }) => [
      name.text,
      alternatives.map(({ trafficName }) => trafficName.text),
    ]),
  );
  const texts = servers
    .flatMap(({ locations }) => locations)
    .flatMap(({ trafficRoute, action }) => {
      const split = action.proxy?.split?.text;
      const others = split === undefined ? [] : (canaries.get(split) ?? []);
      return trafficRoute === null
        ? []
        : ['', ...others].map((canary) => readRoute(trafficRoute.text, canary));
    });
  return new Set(texts.flatMap((route) => (route === null ? [] : [idOf(route)])));
}
