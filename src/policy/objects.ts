import type { PluginRegistry } from '../plugins/registry.ts';
import { ingressNginxPrefix, ownPrefix } from '../plugins/registry.ts';
import { celNotBlank, celOfShape, celShown, celText, celTexts } from './cel.ts';
import type { AnnotationRule } from './rules.ts';
import { specRules } from './spec-rules.ts';

/** What the API server does with an Ingress that a policy is against. */
export type Action = 'Deny' | 'Warn' | 'Audit';

export interface PolicyInput {
  /** Of the policy on what is refused; the other one has `-remarks` behind it. */
  readonly name: string;
  readonly registry: PluginRegistry;
  readonly rules: readonly AnnotationRule[];
  /** Names of the IngressClasses that are served. */
  readonly classNames: readonly string[];
  /** The value of the annotation `kubernetes.io/ingress.class` that is served. */
  readonly legacyClass: string;
  /** Whether Ingresses that name no class are served. */
  readonly classless: boolean;
  /** Whether Ingresses with a default backend are ignored. */
  readonly ignoresCatchAll: boolean;
  /** Of the namespaces that are served; null where all are. */
  readonly namespaceSelector: object | null;
  /** For what the gateway refuses or closes. */
  readonly action: Action;
  /** For what it serves with a difference; null for no such policy. */
  readonly remarks: Action | null;
}

/** One rule of a policy. */
export interface PolicyRule {
  /** Of the variable that holds what is bad: a letter, then letters, digits and `_`. */
  readonly variable: string;
  /** A CEL expression: the list of what is bad. */
  readonly bad: string;
  /** What is wrong with it, in words: said where the next one cannot be made. */
  readonly message: string;
  /** A CEL expression of the whole message; the first of the bad ones is `b`. */
  readonly told: string;
}

const api = 'admissionregistration.k8s.io/v1';
const classAnnotation = 'kubernetes.io/ingress.class';
const notes = 'object.metadata.annotations';

/** The policies and their bindings, ready to be written as YAML. */
export function policyObjects(input: PolicyInput): object[] {
  const refusing = [...annotationPolicyRules(input, true), ...specRules];
  const remarking = [...annotationPolicyRules(input, false), ...unknownNames(input)];
  return [
    ...policyAndBinding(input.name, refusing, input.action, input),
    ...(input.remarks === null
      ? []
      : policyAndBinding(`${input.name}-remarks`, remarking, input.remarks, input)),
  ];
}

function policyAndBinding(
  name: string,
  rules: readonly PolicyRule[],
  action: Action,
  input: PolicyInput,
): object[] {
  const policy = {
    apiVersion: api,
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name },
    spec: {
      // It keeps people from waiting for a verdict, not the gateway from harm: no Ingress is held up by its faults.
      failurePolicy: 'Ignore',
      matchConstraints: {
        ...(input.namespaceSelector !== null && { namespaceSelector: input.namespaceSelector }),
        resourceRules: [
          {
            apiGroups: ['networking.k8s.io'],
            apiVersions: ['v1'],
            operations: ['CREATE', 'UPDATE'],
            resources: ['ingresses'],
          },
        ],
      },
      matchConditions: matchConditions(input),
      variables: [
        ...variables(input.registry),
        ...rules.map(({ variable, bad }) => ({ name: variable, expression: bad })),
      ],
      validations: rules.map(({ variable, message, told }) => ({
        expression: `variables.${variable}.size() == 0`,
        message,
        messageExpression: `variables.${variable}.map(b, ${told})[0]`,
      })),
    },
  };
  const binding = {
    apiVersion: api,
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name },
    spec: { policyName: name, validationActions: [action] },
  };
  return [policy, binding];
}

function matchConditions(input: PolicyInput): object[] {
  const legacy = `has(${notes}) && ${celText(classAnnotation)} in ${notes}`;
  const conditions = [
    {
      name: 'class',
      expression: [
        `has(object.spec.ingressClassName) ? object.spec.ingressClassName in ${celTexts(input.classNames)} :`,
        `(${legacy}) ? ${notes}[${celText(classAnnotation)}] == ${celText(input.legacyClass)} : ${input.classless}`,
      ].join(' '),
    },
    {
      // What was let in before can still be labelled, given a status and deleted.
      name: 'changed',
      expression: [
        `request.operation != "UPDATE" || object.spec != oldObject.spec ||`,
        `(has(${notes}) ? ${notes} : {}) !=`,
        `(has(oldObject.metadata.annotations) ? oldObject.metadata.annotations : {})`,
      ].join(' '),
    },
  ];
  return input.ignoresCatchAll
    ? [...conditions, { name: 'no-catch-all', expression: '!has(object.spec.defaultBackend)' }]
    : conditions;
}

/**
 * `keys` are the annotations that are read: those under our prefixes that are not blank and that no other name of the
 * same annotation stands before (our own prefix before the configured one, then the name before its aliases).
 */
function variables(registry: PluginRegistry): object[] {
  const { prefix } = registry;
  const own = namesUnder(ownPrefix);
  const keysOfOwn = aliasConditions(registry, true);
  const first = `variables.own${filterText(keysOfOwn)}.map(n, ${celText(`${ownPrefix}/`)} + n)`;
  const keysOfOther = ['!(n in variables.own)', ...aliasConditions(registry, false)];
  const second = `variables.other${filterText(keysOfOther)}.map(n, ${celText(`${prefix}/`)} + n)`;
  return [
    { name: 'annotations', expression: `has(${notes}) ? ${notes} : {}` },
    { name: 'own', expression: own },
    ...(prefix === ownPrefix ? [] : [{ name: 'other', expression: namesUnder(prefix) }]),
    { name: 'keys', expression: prefix === ownPrefix ? first : `${first} + ${second}` },
  ];
}

function filterText(conditions: readonly string[]): string {
  return conditions.length === 0 ? '' : `.filter(n, ${conditions.join(' && ')})`;
}

function namesUnder(prefix: string): string {
  const start = `${prefix}/`;
  const isOurs = `k.startsWith(${celText(start)}) && ${celNotBlank('variables.annotations[k]')}`;
  return `variables.annotations.filter(k, ${isOurs}).map(k, k.substring(${start.length}))`;
}

/** Of a name among several of one annotation: that none before it is given. */
function aliasConditions(registry: PluginRegistry, isOwn: boolean): string[] {
  const rows = registry.list().flatMap((plugin) => Object.entries(plugin.annotations));
  return rows
    .filter(([, { aliases }]) => aliases.length > 0)
    .flatMap(([name, { aliases }]) => {
      const all = [name, ...aliases];
      // Of two aliases the one that sorts first is read.
      const ranked = [name, ...[...aliases].sort()];
      return all.flatMap((each) => {
        const before = ranked.slice(0, ranked.indexOf(each));
        const others = isOwn
          ? before.map((one) => `${celText(one)} in variables.own`)
          : [
              ...all.filter((one) => one !== each).map((one) => `${celText(one)} in variables.own`),
              ...before.map((one) => `${celText(one)} in variables.other`),
            ];
        return others.length === 0 ? [] : [`!(n == ${celText(each)} && (${others.join(' || ')}))`];
      });
    });
}

const nameOfKey = 'k.substring(k.indexOf("/") + 1)';
const valueOfKey = 'variables.annotations[k]';

function annotationPolicyRules({ rules }: PolicyInput, refuses: boolean): PolicyRule[] {
  return rules
    .filter((rule) => rule.refuses === refuses)
    .map(({ names, type, message }, index) => {
      const fits = type === null ? null : (celOfShape(type.shape, valueOfKey) ?? 'true');
      const isOne = `${nameOfKey} in ${celTexts(names)}`;
      return {
        variable: `annotations_${index}`,
        bad: `variables.keys.filter(k, ${fits === null ? isOne : `${isOne} && !${fits}`})`,
        message: `an annotation (one of ${names.join(', ')}) ${message}`,
        told: aboutKey(message, true),
      };
    });
}

function unknownNames({ registry }: PolicyInput): PolicyRule[] {
  const { prefix } = registry;
  const known = celTexts([...registry.names()].sort());
  const isOurs = [...new Set([ownPrefix, prefix])].map((each) => `k.startsWith(${celText(`${each}/`)})`);
  const unknown = `variables.annotations.filter(k, (${isOurs.join(' || ')}) && !(${nameOfKey} in ${known}))`;
  const message = 'is unknown and has no effect: remove it or correct its name';
  const foreign = `variables.annotations.filter(k, k.startsWith(${celText(`${ingressNginxPrefix}/`)}))`;
  const elsewhere = `has no effect: annotations are read under ${prefix}/ (annotations_prefix) and ${ownPrefix}/`;
  return [
    {
      variable: 'unknown',
      bad: unknown,
      message: `an annotation ${message}`,
      told: aboutKey(message, false),
    },
    ...(prefix === ingressNginxPrefix
      ? []
      : [
          {
            variable: 'foreign',
            bad: foreign,
            message: `an annotation ${elsewhere}`,
            told: aboutKey(elsewhere, false),
          },
        ]),
  ];
}

/** What is said of the key `b`. */
function aboutKey(message: string, showsValue: boolean): string {
  const value = showsValue ? ` + ": " + ${celShown('variables.annotations[b]')}` : '';
  return `"metadata.annotations[" + strings.quote(b) + "]"${value} + ${celText(` ${message}`)}`;
}
