import {
  fieldOf,
  isMapping,
  readList,
  readMapping,
  readPort,
  readText,
  readTexts,
  readTruth,
  wrong,
} from './ingest-fields.ts';
import type { Field } from './ingest-fields.ts';
import type { Report } from './ingest-report.ts';
import type { Endpoint, EndpointPort, Endpoints, EndpointSlice, Meta } from './objects.ts';

/** Beyond the API's own limits (1,000 endpoints, 100 addresses, 20,000 ports a slice). */
const limits = { endpoints: 5000, addresses: 5000, ports: 20_000, subsets: 1000, hints: 64 };

/** The label that ties an EndpointSlice to its Service. */
const serviceNameLabel = 'kubernetes.io/service-name';

/** Reads an EndpointSlice. A wrong endpoint or port is left out; a condition that is no truth value counts as not ready. */
export function readEndpointSlice(to: Report, root: Field, meta: Meta): EndpointSlice {
  const labels = readMapping(to, fieldOf(fieldOf(root, 'metadata'), 'labels'), 'reject');
  const serviceName =
    labels === undefined || labels === wrong
      ? undefined
      : readText(to, fieldOf(labels, serviceNameLabel), 'reject');
  const addressType = readText(to, fieldOf(root, 'addressType'), 'reject') ?? '';
  return {
    kind: 'EndpointSlice',
    meta,
    serviceName: serviceName === undefined || serviceName === wrong ? '' : serviceName,
    addressType: addressType === wrong ? '' : addressType,
    endpoints: readEach(to, fieldOf(root, 'endpoints'), limits.endpoints, readEndpoint),
    ports: readEach(to, fieldOf(root, 'ports'), limits.ports, readEndpointPort),
  };
}

/** Reads an Endpoints object: the ready addresses of each subset and its ports. */
export function readEndpoints(to: Report, root: Field, meta: Meta): Endpoints {
  return {
    kind: 'Endpoints',
    meta,
    subsets: readEach(to, fieldOf(root, 'subsets'), limits.subsets, (report, item) => ({
      addresses: readEach(report, fieldOf(item, 'addresses'), limits.addresses, readAddress),
      ports: readEach(report, fieldOf(item, 'ports'), limits.ports, readEndpointPort),
    })),
  };
}

function readEach<Item>(
  to: Report,
  field: Field,
  limit: number,
  read: (to: Report, item: Field) => Item | null,
): Item[] {
  const items = readList(to, field, 'reject', limit);
  const kept: Item[] = [];
  for (const item of items === wrong ? [] : (items ?? [])) {
    if (!isMapping(item.value)) {
      to.differ(item.path, `is ${to.show(item.value)}; a mapping of fields is wanted; it is left out`);
      continue;
    }
    const one = read(to, item);
    if (one !== null) {
      kept.push(one);
    }
  }
  return kept;
}

function readAddress(to: Report, item: Field): string | null {
  const ip = readText(to, fieldOf(item, 'ip'), 'differ');
  if (ip === undefined) {
    to.differ(fieldOf(item, 'ip').path, 'is missing; this address is left out');
  }
  return ip === undefined || ip === wrong ? null : ip;
}

function readEndpoint(to: Report, item: Field): Endpoint | null {
  const addresses = readTexts(to, fieldOf(item, 'addresses'), 'differ', limits.addresses) ?? [];
  if (addresses === wrong) {
    return null;
  }
  const conditions = fieldOf(item, 'conditions');
  const readable = readMapping(to, conditions, 'differ') !== wrong;
  const zone = readText(to, fieldOf(item, 'zone'), 'differ');
  return {
    addresses,
    ready: readable ? readCondition(to, fieldOf(conditions, 'ready')) : false,
    serving: readable ? readCondition(to, fieldOf(conditions, 'serving')) : false,
    terminating: readable ? readCondition(to, fieldOf(conditions, 'terminating')) : null,
    zone: zone === undefined || zone === wrong ? null : zone,
    zoneHints: readZoneHints(to, fieldOf(item, 'hints')),
  };
}

function readCondition(to: Report, field: Field): boolean | null {
  const truth = readTruth(to, field, 'differ') ?? null;
  return truth === wrong ? false : truth;
}

function readZoneHints(to: Report, hints: Field): string[] {
  if (readMapping(to, hints, 'differ') === wrong) {
    return [];
  }
  return readEach(to, fieldOf(hints, 'forZones'), limits.hints, (report, item) => {
    const name = readText(report, fieldOf(item, 'name'), 'differ');
    return name === undefined || name === wrong ? null : name;
  });
}

function readEndpointPort(to: Report, item: Field): EndpointPort | null {
  const name = readText(to, fieldOf(item, 'name'), 'differ') ?? '';
  const port = readPort(to, fieldOf(item, 'port'), 'differ') ?? null;
  const protocol = readText(to, fieldOf(item, 'protocol'), 'differ') ?? 'TCP';
  if (name === wrong || port === wrong || protocol === wrong) {
    return null;
  }
  return { name, port, protocol: protocol === '' ? 'TCP' : protocol };
}
