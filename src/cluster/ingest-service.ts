import {
  fieldOf,
  isMapping,
  readList,
  readMapping,
  readPort,
  readText,
  readTexts,
  wrong,
} from './ingest-fields.ts';
import type { Field, Wrong } from './ingest-fields.ts';
import type { Report } from './ingest-report.ts';
import type { Meta, Service, ServicePort } from './objects.ts';

const limits = { ports: 1000, clusterIPs: 16 };

/**
 * Reads the spec of a Service with the API server's defaults (type ClusterIP, protocol TCP, targetPort = port). A
 * wrong port is left out; a wrong type or externalName refuses the Service, because it would be another one.
 */
export function readService(to: Report, root: Field, meta: Meta): Service {
  const spec = fieldOf(root, 'spec');
  readMapping(to, spec, 'reject');
  const type = readText(to, fieldOf(spec, 'type'), 'reject') ?? 'ClusterIP';
  const externalName = readText(to, fieldOf(spec, 'externalName'), 'reject') ?? '';
  return {
    kind: 'Service',
    meta,
    type: type === wrong ? '' : type,
    clusterIPs: readClusterIPs(to, spec),
    externalName: externalName === wrong ? '' : externalName,
    ports: readPorts(to, fieldOf(spec, 'ports')),
  };
}

function readClusterIPs(to: Report, spec: Field): string[] {
  const list = readTexts(to, fieldOf(spec, 'clusterIPs'), 'differ', limits.clusterIPs);
  const single = readText(to, fieldOf(spec, 'clusterIP'), 'differ');
  if (list !== undefined && list !== wrong && list.length > 0) {
    return list;
  }
  return single === undefined || single === wrong || single === '' ? [] : [single];
}

function readPorts(to: Report, field: Field): ServicePort[] {
  const items = readList(to, field, 'reject', limits.ports);
  const ports: ServicePort[] = [];
  for (const item of items === wrong ? [] : (items ?? [])) {
    const port = readServicePort(to, item);
    if (port !== null) {
      ports.push(port);
    }
  }
  return ports;
}

function readServicePort(to: Report, item: Field): ServicePort | null {
  if (!isMapping(item.value)) {
    to.differ(item.path, `is ${to.show(item.value)}; a port such as "port: 80" is wanted; it is left out`);
    return null;
  }
  const portField = fieldOf(item, 'port');
  const port = readPort(to, portField, 'differ');
  if (port === undefined) {
    to.differ(portField.path, 'is missing; write the port number; this port is left out');
    return null;
  }
  const name = readText(to, fieldOf(item, 'name'), 'differ') ?? '';
  const protocol = readText(to, fieldOf(item, 'protocol'), 'differ') ?? 'TCP';
  const appProtocol = readText(to, fieldOf(item, 'appProtocol'), 'differ') ?? null;
  const targetPort = readTargetPort(to, fieldOf(item, 'targetPort'));
  if (
    port === wrong ||
    name === wrong ||
    protocol === wrong ||
    appProtocol === wrong ||
    targetPort === wrong
  ) {
    return null;
  }
  return {
    name,
    port,
    targetPort: targetPort ?? port,
    protocol: protocol === '' ? 'TCP' : protocol,
    appProtocol,
  };
}

function readTargetPort(to: Report, field: Field): number | string | undefined | Wrong {
  const { value } = field;
  if (typeof value === 'string' && value !== '' && !/^[0-9]+$/.test(value)) {
    return value;
  }
  // As the API: 0 and the empty text are the zero value and mean the port itself.
  return value === 0 || value === '' ? undefined : readPort(to, field, 'differ');
}
