import type { ValueType } from '../model/value-type.ts';
import { builtinPluginNames } from '../plugins/builtin.ts';
import { notYetRows } from '../plugins/not-yet-rows.ts';
import { risks, type AnnotationSpec, type Risk } from '../plugins/plugin.ts';
import type { PluginRegistry } from '../plugins/registry.ts';
import { snippets } from '../plugins/snippets.ts';

/** Annotations of which one thing is said alike. Names are without prefix, aliases among them. */
export interface AnnotationRule {
  readonly names: readonly string[];
  /** Null where setting the annotation at all is what is told. */
  readonly type: ValueType | null;
  /** What is wrong and what to do, in words that follow the annotation's name and value. */
  readonly message: string;
  /** Whether the gateway refuses the Ingress or closes its routes; otherwise it serves it with a difference. */
  readonly refuses: boolean;
}

/** What rules are made of. */
export interface RuleInput {
  readonly registry: PluginRegistry;
  readonly disabledPlugins: readonly string[];
  /** Annotations of a higher risk refuse their Ingress. */
  readonly allowedRisk: Risk;
  /** The option `allow-snippet-annotations`. */
  readonly allowsSnippets: boolean;
}

const closed = 'its routes would answer 503';

const consequences = {
  reject: `the Ingress would be refused, ${closed}`,
  deny: closed,
  default: 'the default would be used',
} as const;

/**
 * What the gateway says of annotations before it looks at any other object, as rules: the same registry that reads
 * them, so that neither can say what the other does not.
 */
export function annotationRules({
  registry,
  disabledPlugins,
  allowedRisk,
  allowsSnippets,
}: RuleInput): AnnotationRule[] {
  const rules: AnnotationRule[] = [];
  for (const plugin of registry.list()) {
    const isDisabled = disabledPlugins.includes(plugin.name) && builtinPluginNames.includes(plugin.name);
    for (const [name, spec] of Object.entries(plugin.annotations)) {
      const names = [name, ...spec.aliases];
      if (risks.indexOf(spec.risk) > risks.indexOf(allowedRisk)) {
        const message = `is of risk ${spec.risk}, and annotations above ${allowedRisk} are refused: remove it; ${closed}`;
        rules.push({ names, type: null, message, refuses: true });
      } else if (isDisabled) {
        const message = `has no effect, since plugin ${plugin.name} is switched off: remove it${spec.protective ? `; ${closed}` : ''}`;
        rules.push({ names, type: null, message, refuses: spec.protective });
      } else if (plugin === snippets && !allowsSnippets) {
        const message = 'has no effect while snippets are switched off (option allow-snippet-annotations)';
        rules.push({ names, type: null, message, refuses: false });
      } else {
        rules.push(...valueRules(names, spec), ...notYetRules(name, names));
      }
    }
  }
  return joined(rules);
}

function valueRules(names: readonly string[], { type, onInvalid }: AnnotationSpec): AnnotationRule[] {
  const message = `is not allowed: write ${type.allowed}; ${consequences[onInvalid]}`;
  return type.shape.kind === 'any' ? [] : [{ names, type, message, refuses: onInvalid !== 'default' }];
}

/** What is not built yet closes the routes where it would protect them, and has no effect elsewhere. */
function notYetRules(name: string, names: readonly string[]): AnnotationRule[] {
  const row = notYetRows.find((each) => each.name === name);
  if (row === undefined) {
    return [];
  }
  const { closes = false, neutral = [] } = row;
  const message = closes
    ? `is not supported yet: remove it; ${closed}`
    : 'is not supported yet and has no effect';
  const type: ValueType = {
    name: 'word',
    allowed: neutral.join(', '),
    shape: { kind: 'words', words: neutral, trims: true, ignoresCase: true },
    exact: false,
    samples: neutral,
  };
  return [{ names, type: neutral.length === 0 ? null : type, message, refuses: closes }];
}

/** Rules that say the same become one. */
function joined(rules: readonly AnnotationRule[]): AnnotationRule[] {
  const byMeaning = new Map<string, AnnotationRule>();
  for (const rule of rules) {
    const key = JSON.stringify([rule.type?.shape ?? null, rule.message, rule.refuses]);
    const before = byMeaning.get(key);
    byMeaning.set(key, { ...rule, names: [...(before?.names ?? []), ...rule.names] });
  }
  return [...byMeaning.values()].map((rule) => ({ ...rule, names: [...rule.names].sort() }));
}
