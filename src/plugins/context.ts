import type { Capabilities } from '../model/capabilities.ts';
import type { LogTarget } from '../model/model.ts';
import type { ObjectKey } from '../model/object-ref.ts';
import type { SecretValue } from '../model/secret-value.ts';
import type { Parsed, Token } from '../model/token.ts';
import type { Options } from '../options/options.ts';
import type { HostToken, Settings } from './additions.ts';
import type { AnnotationTable, SettingsOf } from './plugin.ts';

/** Objects that annotations name, and files made from them. */
export interface References {
  /**
   * The Secret that a text names: `namespace/name`, or `name` in the Ingress's own namespace unless `form` is
   * `full`. Other namespaces, missing and quarantined ones are refused, in words that follow the annotation's name.
   */
  secret(text: string, form?: ReferenceForm): Parsed<FoundSecret>;
  /** The same for a ConfigMap. */
  configMap(text: string, form?: ReferenceForm): Parsed<FoundConfigMap>;
  /**
   * Where a host and a port of a URL lead. The DNS name of a Service is its endpoints, of any namespace; any other
   * name is looked up while nginx runs. What cannot be reached is refused, in words that follow the annotation's name.
   * Connections over TLS are kept apart from others, and so are those of each `connections` (letters and digits) and
   * those that another namespace than the Service's asks on: nobody can leave something there for somebody else. Null
   * is for what the operator asks: one for all namespaces.
   */
  target(host: string, port: number, tls: boolean, connections?: string | null): Parsed<Target>;
  /** Where the first port of a Service of the Ingress's own namespace leads, over plain HTTP. Refused as `target`. */
  service(name: string): Parsed<Target>;
  /** The same for the global default backend; null where none is configured. */
  defaultBackend(): Parsed<Target> | null;
  /** A file that nginx reads, named by the hash of its content. */
  file(artifact: ArtifactSpec): Token<'file'>;
}

/** What a `proxy_pass` of a plugin can lead to. Exactly one field is not null. */
export interface Target {
  /** To be named in the `upstream` of the internal location as well, which keeps it in the configuration. */
  readonly upstream: Token<'identifier'> | null;
  readonly external: { readonly name: Token<'host'>; readonly port: number } | null;
  readonly address: Token<'address'> | null;
}

export type ReferenceForm = 'any' | 'full';

export interface FoundSecret {
  readonly key: ObjectKey;
  /** Decoded. Ask with `Object.hasOwn`: keys are the cluster's. */
  readonly data: Readonly<Record<string, SecretValue>>;
}

export interface FoundConfigMap {
  readonly key: ObjectKey;
  readonly data: Readonly<Record<string, string>>;
}

export interface ArtifactSpec {
  /** A folder of the state directory that the lint lets nginx read. */
  readonly folder: 'auth' | 'certificates';
  /** A SecretValue is written for nginx alone to read. */
  readonly content: SecretValue | string;
  /** Letters and digits, without a dot. */
  readonly extension: string;
  /** The objects that the content comes from; the Ingress that asks for it is added. */
  readonly objects: readonly ObjectKey[];
}

/** The annotations of one object, as a plugin sees them. */
export interface AnnotationView<T extends AnnotationTable = AnnotationTable> {
  readonly object: ObjectKey;
  readonly settings: SettingsOf<T>;
  /** The names of this table that the object sets. */
  readonly given: readonly (keyof T & string)[];
  /** The field that set an annotation, for a Reason; null where the default holds. */
  readonly field: (name: keyof T & string) => string | null;
}

/** An Ingress, as a plugin sees it. */
export interface IngressContext<T extends AnnotationTable = AnnotationTable>
  extends AnnotationView<T>, References {
  readonly capabilities: Capabilities;
  /** What the global ConfigMap says. */
  readonly options: Options;
  /** Ports that the gateway listens on. */
  readonly ownPorts: readonly number[];
  /** Requests are counted from this log, which a location with an `access_log` of its own has to name too; or null. */
  readonly trafficLog: Token<'file'> | null;
  /** All other logs of requests, which are in the format `gateway`; none where they are not logged. */
  readonly accessLogs: readonly LogTarget[];
}

/** One route of an Ingress, as a plugin sees it. */
export interface RouteContext<T extends AnnotationTable = AnnotationTable> extends IngressContext<T> {
  /** Null for requests of any host. */
  readonly host: HostToken | null;
  /** Whether a certificate was asked for on this host, be it the default one. */
  readonly tls: boolean;
  /** As in the rule, before prefixes are split. */
  readonly path: Token<'path'>;
  readonly exact: boolean;
  /** The route is `spec.defaultBackend` of an Ingress without rules: redirects and rewrites leave it alone. */
  readonly catchAll: boolean;
  /** Nobody has asked for this path: the default backend answers, with the annotations of the host's first Ingress. */
  readonly fallback: boolean;
  readonly httpsPort: number;
  /** The Service that the rule names and its port, by name or number; null where it names none. */
  readonly backend: { readonly service: string; readonly port: string } | null;
  /**
   * What a request for a page of a Service of the Ingress's own namespace would get past, in words; null where that is
   * nothing. `null` asks about the global default backend.
   */
  readonly guardOf: (service: string | null) => string | null;
  /** What another plugin reads from the same object. */
  readonly settingsOf: (plugin: string) => Settings;
}

/** An Ingress beside others of the same host or upstream. */
export interface MemberContext<T extends AnnotationTable = AnnotationTable> extends IngressContext<T> {
  /** Its routes answer 503. Its annotations count all the same: a host stays protected as it asks for. */
  readonly closed: boolean;
  /** nginx has refused what it asks for: nothing of its own wording may be printed. */
  readonly quarantined: boolean;
}

/** The server of one host, as a plugin sees it. */
export interface ServerContext<T extends AnnotationTable = AnnotationTable> {
  /** Null for requests of any other host. */
  readonly host: HostToken | null;
  readonly tls: boolean;
  /** Whether the certificate of the host is valid for another name. */
  readonly covers: (name: string) => boolean;
  /** Whether an Ingress has a rule for a host of this name. */
  readonly isHost: (name: string) => boolean;
  /** The Ingresses with a rule for the host, oldest first. */
  readonly members: readonly MemberContext<T>[];
  /** Of all rules for the host. */
  readonly paths: readonly Token<'path'>[];
  readonly capabilities: Capabilities;
  readonly options: Options;
  readonly httpPort: number;
  readonly httpsPort: number;
}

/** The upstream of one port of a Service, as a plugin sees it. */
export interface UpstreamContext<T extends AnnotationTable = AnnotationTable> {
  readonly name: Token<'identifier'>;
  /** The Ingresses that lead there, oldest first. */
  readonly members: readonly MemberContext<T>[];
  /** The annotations of the Service itself under our own prefix: they hold before those of Ingresses. */
  readonly service: AnnotationView<T>;
  /** How many endpoints it has. */
  readonly peers: number;
  readonly capabilities: Capabilities;
  readonly options: Options;
}

/** What plugins have added everywhere, for the slot `http`. */
export interface UsedSettings {
  readonly servers: readonly Settings[];
  readonly upstreams: readonly Settings[];
  readonly internals: readonly Settings[];
  readonly options: Options;
  /** A folder in which nginx may write. */
  readonly temporaryPath: Token<'file'>;
}
