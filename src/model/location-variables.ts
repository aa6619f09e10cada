/** Variables that only ingress-nginx has, of the Service that a rule leads to: the same for all who lead there. */
export const serviceVariables = ['namespace', 'service_name', 'service_port', 'proxy_upstream_name'] as const;

/** Those and others that are constants of a location. */
export const locationVariables = [...serviceVariables, 'ingress_name', 'location_path'] as const;

export type LocationVariable = (typeof locationVariables)[number];

/** The upstream of a canary that has taken a request. */
export const alternativeVariable = 'proxy_alternative_upstream_name';

/** Variables that only ingress-nginx has, and that its log may have. */
export const logVariables: ReadonlySet<string> = new Set([...locationVariables, alternativeVariable]);
