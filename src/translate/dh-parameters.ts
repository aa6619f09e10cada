import type { Snapshot } from '../cluster/snapshot.ts';
import { objectKey, parseObjectKey, type ObjectKey, type ObjectRef } from '../model/object-ref.ts';
import { readPem } from '../model/pem.ts';
import { SecretValue } from '../model/secret-value.ts';
import type { Token } from '../model/token.ts';
import type { Reason } from '../model/verdict.ts';
import { optionField } from '../options/read-options.ts';
import type { ArtifactFiles } from './artifact-files.ts';
import type { GlobalOptions } from './global-options.ts';
import type { VerdictCollector } from './verdicts.ts';

export interface DhParts {
  readonly snapshot: Snapshot;
  readonly quarantine: ReadonlyMap<ObjectKey, Reason>;
  readonly files: ArtifactFiles;
  readonly verdicts: VerdictCollector;
}

const option = 'ssl-dh-param';
const dataKey = 'dhparam.pem';

/** The file with the parameters of the Secret that the options name; null where there are none, which is told. */
export function dhParameters({ options, origin }: GlobalOptions, parts: DhParts): Token<'file'> | null {
  const named = options[option];
  if (named === null || origin === null) {
    return null;
  }
  const { snapshot, quarantine, files, verdicts } = parts;
  const ref: ObjectRef = { kind: 'Secret', ...named };
  const data = snapshot.secrets.get(`${named.namespace}/${named.name}`)?.data;
  const text = data !== undefined && Object.hasOwn(data, dataKey) ? data[dataKey] : undefined;
  const blocks = readPem(text?.reveal() ?? '')?.filter(({ label }) => label === 'DH PARAMETERS') ?? [];
  const [block] = blocks;
  const broken = quarantine.get(objectKey(ref));
  if (broken !== undefined) {
    verdicts.addAll(ref, 'quarantined', [broken]);
  }
  if (block === undefined || broken !== undefined) {
    const owner = parseObjectKey(origin) ?? ref;
    const why = data === undefined ? 'is missing' : `has no sound ${dataKey} (DH PARAMETERS as PEM)`;
    const message = `names ${objectKey(ref)}, which ${why}: none are used`;
    verdicts.add(owner, 'served-with-difference', optionField(option), message);
    return null;
  }
  verdicts.use(ref);
  const content = new SecretValue(block.text);
  return files.addArtifact(
    { folder: 'certificates', content, extension: 'pem', objects: [objectKey(ref)] },
    origin,
  );
}
