import {
  fieldOf,
  isAbsent,
  isMapping,
  readList,
  readMapping,
  readPort,
  readText,
  readTexts,
  refuseUnknown,
  wrong,
} from './ingest-fields.ts';
import type { Field, Wrong } from './ingest-fields.ts';
import { quoted, type Report } from './ingest-report.ts';
import type {
  Ingress,
  IngressBackend,
  IngressClass,
  IngressPath,
  IngressRule,
  IngressTls,
  Meta,
} from './objects.ts';

/** The most that one Ingress may hold of each; generous beside what 1.5 MiB in etcd can hold of real ones. */
const limits = { rules: 2000, pathsOfRule: 2000, tls: 2000, hostsOfTls: 2000 };

const ingressFields: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata', 'spec', 'status']);
const specFields: ReadonlySet<string> = new Set(['defaultBackend', 'ingressClassName', 'rules', 'tls']);
const ruleFields: ReadonlySet<string> = new Set(['host', 'http']);
const httpFields: ReadonlySet<string> = new Set(['paths']);
const pathFields: ReadonlySet<string> = new Set(['backend', 'path', 'pathType']);
const backendFields: ReadonlySet<string> = new Set(['resource', 'service']);
const serviceFields: ReadonlySet<string> = new Set(['name', 'port']);
const portFields: ReadonlySet<string> = new Set(['name', 'number']);
const tlsFields: ReadonlySet<string> = new Set(['hosts', 'secretName']);

/** A backend that leads nowhere: its path stays and answers 503, so that no other route takes its requests. */
const noBackend: IngressBackend = { service: null, resource: null };

interface Reading {
  readonly to: Report;
  /** Unknown fields refuse the object; off for objects that an API server has already pruned. */
  readonly strict: boolean;
}

/**
 * Reads the spec of an Ingress. What decides whether or how safely the Ingress is served as a whole (class, rules
 * as such, TLS hosts) refuses it when wrong; a wrong backend closes its path; a wrong host or path text leaves out
 * that rule or path alone.
 */
export function readIngress(to: Report, root: Field, meta: Meta, strict: boolean): Ingress {
  const reading = { to, strict };
  checkKnown(reading, root, ingressFields);
  const spec = fieldOf(root, 'spec');
  if (readMapping(to, spec, 'reject') === undefined) {
    to.reject('spec', 'is missing; an Ingress needs spec.rules or spec.defaultBackend');
  }
  checkOldFields(to, spec);
  checkKnown(reading, spec, specFields);
  const className = readText(to, fieldOf(spec, 'ingressClassName'), 'reject');
  const fallback = fieldOf(spec, 'defaultBackend');
  return {
    kind: 'Ingress',
    meta,
    className: className === undefined || className === wrong ? null : className,
    defaultBackend: isAbsent(fallback) ? null : readBackend(reading, fallback),
    rules: readRules(reading, fieldOf(spec, 'rules')),
    tls: readTls(reading, fieldOf(spec, 'tls')),
  };
}

/** Reads an IngressClass; of its spec only the controller is used. */
export function readIngressClass(to: Report, root: Field, meta: Meta): IngressClass {
  const spec = fieldOf(root, 'spec');
  readMapping(to, spec, 'reject');
  const controller = readText(to, fieldOf(spec, 'controller'), 'reject');
  return {
    kind: 'IngressClass',
    meta,
    controller: controller === undefined || controller === wrong ? '' : controller,
  };
}

function checkKnown({ to, strict }: Reading, field: Field, known: ReadonlySet<string>): void {
  if (strict) {
    refuseUnknown(to, field, known);
  }
}

/** Fields of `extensions/v1beta1` in a v1 object: said with the new form, before they count as merely unknown. */
function checkOldFields(to: Report, spec: Field): void {
  if (isMapping(spec.value) && Object.hasOwn(spec.value, 'backend')) {
    to.reject(
      fieldOf(spec, 'backend').path,
      'is the v1beta1 form; in networking.k8s.io/v1 it is spec.defaultBackend',
    );
  }
}

function readRules(reading: Reading, field: Field): IngressRule[] {
  const items = readList(reading.to, field, 'reject', limits.rules);
  const rules: IngressRule[] = [];
  for (const item of items === wrong ? [] : (items ?? [])) {
    const rule = readRule(reading, item);
    if (rule !== null) {
      rules.push(rule);
    }
  }
  return rules;
}

function readRule(reading: Reading, item: Field): IngressRule | null {
  const { to } = reading;
  if (!isMapping(item.value)) {
    to.differ(item.path, `is ${to.show(item.value)}; a rule with host and http is wanted; it is left out`);
    return null;
  }
  checkKnown(reading, item, ruleFields);
  // A wrong host must not become "every host".
  const host = readText(to, fieldOf(item, 'host'), 'differ') ?? '';
  if (host === wrong) {
    return null;
  }
  const http = fieldOf(item, 'http');
  if (isAbsent(http)) {
    return { host, paths: null };
  }
  if (readMapping(to, http, 'differ') === wrong) {
    return null;
  }
  checkKnown(reading, http, httpFields);
  return { host, paths: readPaths(reading, fieldOf(http, 'paths')) };
}

function readPaths(reading: Reading, field: Field): IngressPath[] {
  const items = readList(reading.to, field, 'reject', limits.pathsOfRule);
  const paths: IngressPath[] = [];
  for (const item of items === wrong ? [] : (items ?? [])) {
    const path = readPath(reading, item);
    if (path !== null) {
      paths.push(path);
    }
  }
  return paths;
}

function readPath(reading: Reading, item: Field): IngressPath | null {
  const { to } = reading;
  if (!isMapping(item.value)) {
    to.differ(
      item.path,
      `is ${to.show(item.value)}; a path with pathType and backend is wanted; it is left out`,
    );
    return null;
  }
  checkKnown(reading, item, pathFields);
  const path = readText(to, fieldOf(item, 'path'), 'differ') ?? '';
  if (path === wrong) {
    return null;
  }
  const pathType = readText(to, fieldOf(item, 'pathType'), 'differ') ?? null;
  const backend = readBackend(reading, fieldOf(item, 'backend'));
  return pathType === wrong ? { path, pathType: null, backend: noBackend } : { path, pathType, backend };
}

function readBackend(reading: Reading, field: Field): IngressBackend {
  const { to } = reading;
  if (isAbsent(field)) {
    to.differ(field.path, 'is missing; write service.name and service.port; its requests answer 503');
    return noBackend;
  }
  if (readMapping(to, field, 'differ') === wrong || hasOldBackend(to, field)) {
    return noBackend;
  }
  checkKnown(reading, field, backendFields);
  const service = readService(reading, fieldOf(field, 'service'));
  const resource = readResource(to, fieldOf(field, 'resource'));
  return service === wrong || resource === wrong ? noBackend : { service, resource };
}

function hasOldBackend(to: Report, field: Field): boolean {
  const old = ['serviceName', 'servicePort'].map((key) => fieldOf(field, key)).find((one) => !isAbsent(one));
  if (old === undefined) {
    return false;
  }
  to.differ(
    old.path,
    'is the v1beta1 form; in networking.k8s.io/v1 it is service.name and service.port.number (or service.port.name); its requests answer 503',
  );
  return true;
}

function readService(reading: Reading, field: Field): IngressBackend['service'] | Wrong {
  const { to } = reading;
  if (isAbsent(field)) {
    return null;
  }
  if (readMapping(to, field, 'differ') === wrong) {
    return wrong;
  }
  checkKnown(reading, field, serviceFields);
  const nameField = fieldOf(field, 'name');
  const name = readText(to, nameField, 'differ');
  if (name === undefined || name === '') {
    to.differ(nameField.path, 'is missing; name the Service; its requests answer 503');
    return wrong;
  }
  const portField = fieldOf(field, 'port');
  const port = readMapping(to, portField, 'differ');
  if (name === wrong || port === wrong) {
    return wrong;
  }
  checkKnown(reading, portField, portFields);
  const portName = readText(to, fieldOf(portField, 'name'), 'differ');
  const portNumber = readPort(to, fieldOf(portField, 'number'), 'differ');
  if (portName === wrong || portNumber === wrong) {
    return wrong;
  }
  if (portName !== undefined && portName !== '' && portNumber !== undefined) {
    to.differ(
      portField.path,
      `has both the name ${quoted(portName)} and the number ${portNumber}; keep one; its requests answer 503`,
    );
    return wrong;
  }
  return {
    name,
    port: { name: portName === undefined || portName === '' ? null : portName, number: portNumber ?? null },
  };
}

function readResource(to: Report, field: Field): IngressBackend['resource'] | Wrong {
  if (isAbsent(field)) {
    return null;
  }
  if (readMapping(to, field, 'differ') === wrong) {
    return wrong;
  }
  const apiGroup = readText(to, fieldOf(field, 'apiGroup'), 'differ') ?? '';
  const kind = readText(to, fieldOf(field, 'kind'), 'differ') ?? '';
  const name = readText(to, fieldOf(field, 'name'), 'differ') ?? '';
  return apiGroup === wrong || kind === wrong || name === wrong ? wrong : { apiGroup, kind, name };
}

/** An entry whose hosts cannot be told refuses the Ingress: without it, they would be served in the clear. */
function readTls(reading: Reading, field: Field): IngressTls[] {
  const { to } = reading;
  const items = readList(to, field, 'reject', limits.tls);
  const entries: IngressTls[] = [];
  for (const item of items === wrong ? [] : (items ?? [])) {
    if (!isMapping(item.value)) {
      to.reject(item.path, `is ${to.show(item.value)}; an entry with hosts and secretName is wanted`);
      continue;
    }
    checkKnown(reading, item, tlsFields);
    const hosts = readTexts(to, fieldOf(item, 'hosts'), 'reject', limits.hostsOfTls) ?? [];
    const secretName = readText(to, fieldOf(item, 'secretName'), 'reject') ?? '';
    if (hosts !== wrong && secretName !== wrong) {
      entries.push({ hosts, secretName });
    }
  }
  return entries;
}
